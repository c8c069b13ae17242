// The four states of everything that is asked for: loading, empty with the next step, an error that keeps the last
// data and says how old they are, and data.
import { type ReactNode, useId } from "react";
import { ProblemError, words } from "@/api/problem";
import { relative, useNow } from "@/lib/time";
import { Button } from "./Button";
import { Notice } from "./Status";

/** What is needed of a query, whichever kind it is. */
interface Asked<T> {
  data: T | undefined;
  error: unknown;
  dataUpdatedAt: number;
  isFetching: boolean;
  refetch: () => unknown;
}

interface LoadedProps<T> {
  query: Asked<T>;
  /** What is being loaded, for those who do not see it. */
  what: string;
  /** The shape of what will be there, so that nothing jumps. */
  skeleton: ReactNode;
  isEmpty?: (data: T) => boolean;
  empty?: ReactNode;
  /** It stands on the page itself and not in a card, which gives its notices room around. */
  bare?: boolean;
  children: (data: T) => ReactNode;
}

export function Loaded<T>({ query, what, skeleton, isEmpty, empty, bare = false, children }: LoadedProps<T>) {
  const { data, error } = query;
  if (data === undefined) {
    if (error) return <Failed query={query} what={what} bare={bare} />;
    return (
      <div role="status" aria-label={`Loading ${what}`}>
        {skeleton}
      </div>
    );
  }
  return (
    <>
      {error ? <Stale query={query} what={what} bare={bare} /> : null}
      {isEmpty?.(data) ? empty : children(data)}
    </>
  );
}

function Retry({ query }: { query: Asked<unknown> }) {
  return (
    <Button busy={query.isFetching} onClick={() => void query.refetch()}>
      Try again
    </Button>
  );
}

interface FaultProps {
  query: Asked<unknown>;
  what: string;
  bare: boolean;
}

function Failed({ query, what, bare }: FaultProps) {
  const forbidden = query.error instanceof ProblemError && query.error.status === 403;
  return (
    <div className={bare ? "pb-4" : "p-4"}>
      <Notice state={forbidden ? "warn" : "bad"} action={forbidden ? undefined : <Retry query={query} />}>
        <strong className="font-semibold">Could not load {what}.</strong> {words(query.error)}
      </Notice>
    </div>
  );
}

function Stale({ query, what, bare }: FaultProps) {
  const now = useNow();
  return (
    <div className={bare ? "pb-4" : "p-3"}>
      <Notice
        state="warn"
        action={<Retry query={query} />}
        // It changes each second.
        unsaid={
          <strong className="font-semibold">
            These {what} are from {relative(query.dataUpdatedAt, now)}.
          </strong>
        }
      >
        {words(query.error)}
      </Notice>
    </div>
  );
}

/** Nothing is there: why, and the next step. */
export function Empty({
  title,
  children,
  action,
}: {
  title: string;
  children: ReactNode;
  action?: ReactNode;
}) {
  return (
    <div className="flex flex-col items-center gap-2 px-6 py-12 text-center">
      <p className="text-base font-semibold">{title}</p>
      <div className="max-w-md text-soft">{children}</div>
      {action && <div className="mt-2 flex flex-wrap justify-center gap-2">{action}</div>}
    </div>
  );
}

/** Rows that are on their way. */
export function SkeletonRows({ rows = 6 }: { rows?: number }) {
  const id = useId();
  return (
    <div className="flex flex-col gap-3 p-4">
      {Array.from({ length: rows }, (_, n) => (
        <div key={`${id}-${n.toString()}`} className="skeleton h-4" />
      ))}
    </div>
  );
}
