// The stored events of one user, newest first. The filter is the URL.
import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { events, type StoredEvent } from "@/api/queries";
import { Button } from "@/ui/Button";
import { Card, PageHead } from "@/ui/Card";
import { Empty, Loaded, SkeletonRows } from "@/ui/Loaded";
import { More } from "@/ui/More";
import { Table } from "@/ui/Table";
import { When } from "@/ui/When";
import { EventDrawer } from "./EventDrawer";
import { EventFilterBar } from "./EventFilterBar";

export function Events() {
  const { event: open, ...filter } = useSearch({ from: "/shell/events" });
  const navigate = useNavigate({ from: "/events" });
  const asked = { ...filter, userId: filter.userId ?? "" };
  const query = useInfiniteQuery({ ...events(asked), placeholderData: keepPreviousData });
  const rows = query.data?.pages.flatMap((page) => page.events) ?? [];
  const former = query.isPlaceholderData;
  const show = (event?: string) => void navigate({ search: (search) => ({ ...search, event }) });
  return (
    <>
      <PageHead
        title="Events of a user"
        lead="What is stored, newest first; by its id an event that is queued or dead, too. The user is required, so that one shard answers."
      />
      <Card>
        <EventFilterBar filter={filter} open={open} />
        {asked.userId === "" ? (
          <Empty title="Whose events?">
            Enter the userId that your program sends, also to find one event by its id. To see one come in
            now, use “Send an event”, whose user is <code className="font-mono">me</code>.
          </Empty>
        ) : (
          <Loaded
            query={query}
            what="events"
            skeleton={<SkeletonRows rows={10} />}
            isEmpty={() => rows.length === 0}
            empty={former ? <SkeletonRows rows={10} /> : <NoMatch again={() => void query.refetch()} />}
          >
            {() => (
              <>
                <Table
                  label="Events"
                  rows={rows}
                  id={(row) => row.id}
                  selected={open}
                  columns={columns(show, former)}
                  former={former}
                />
                <More query={query} shown={rows.length} one="event" />
              </>
            )}
          </Loaded>
        )}
      </Card>
      {open && asked.userId && <EventDrawer userId={asked.userId} id={open} close={() => show(undefined)} />}
    </>
  );
}

function NoMatch({ again }: { again: () => void }) {
  return (
    <Empty title="No event matches" action={<Button onClick={again}>Look again</Button>}>
      An event that was just sent may still be on its way, which its id tells; one that MongoDB refused is
      under Dead letters. Otherwise widen the filter or check how the userId is written: case counts.
    </Empty>
  );
}

const columns = (show: (id: string) => void, former: boolean) => [
  { head: "Happened", cell: (row: StoredEvent) => <When at={row.timestamp} exactly /> },
  {
    head: "Type",
    cell: (row: StoredEvent) => <span className="font-mono text-xs whitespace-nowrap">{row.type}</span>,
  },
  {
    head: "Id",
    cell: (row: StoredEvent) => (
      <button
        type="button"
        disabled={former}
        onClick={() => show(row.id)}
        className="max-w-72 truncate text-left font-mono text-xs text-accent underline"
      >
        {row.id}
      </button>
    ),
  },
  {
    head: "Properties",
    cell: (row: StoredEvent) => (
      <span className="line-clamp-1 sm:min-w-48 font-mono text-xs break-all text-soft">
        {row.properties ? JSON.stringify(row.properties) : "–"}
      </span>
    ),
    className: "w-full",
  },
];
