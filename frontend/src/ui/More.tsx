// The foot of a list that comes in pages.
import { count, counted } from "@/lib/format";
import { Button } from "./Button";

interface Pages {
  hasNextPage: boolean;
  isFetchingNextPage: boolean;
  fetchNextPage: () => unknown;
}

interface MoreProps {
  query: Pages;
  shown: number;
  /** Of so many rows that are loaded, where the list is filtered here and not by the API. */
  loaded?: number;
  one: string;
  many?: string;
}

export function More({ query, shown, loaded = shown, one, many }: MoreProps) {
  return (
    <footer className="flex items-center justify-between gap-4 border-t border-line px-4 py-2 text-xs text-soft">
      <span>
        {counted(shown, one, many)} shown{loaded > shown && ` of the ${count(loaded)} loaded`}
        {query.hasNextPage && ", there are more"}
      </span>
      {query.hasNextPage && (
        <Button busy={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
          Show more
        </Button>
      )}
    </footer>
  );
}
