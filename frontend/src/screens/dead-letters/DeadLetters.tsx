// Events that MongoDB refused: how many of which cause, which ones, and what to do about them.
import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { type DeadLetter, letters, type Selection } from "@/api/queries";
import { Card, PageHead } from "@/ui/Card";
import { Empty, Loaded, SkeletonRows } from "@/ui/Loaded";
import { More } from "@/ui/More";
import { type State, Status } from "@/ui/Status";
import { type Column, Table } from "@/ui/Table";
import { When } from "@/ui/When";
import { Causes } from "./Causes";
import { LetterDrawer } from "./LetterDrawer";
import { LetterFilterBar } from "./LetterFilterBar";
import { Replay } from "./Replay";

export function DeadLetters() {
  const { letter: open, ...filter } = useSearch({ from: "/shell/dead-letters" });
  const navigate = useNavigate({ from: "/dead-letters" });
  const query = useInfiniteQuery({ ...letters(filter), placeholderData: keepPreviousData });
  const former = query.isPlaceholderData;
  const [replaying, setReplaying] = useState<Selection>();
  const rows = query.data?.pages.flatMap((page) => page.items) ?? [];
  const show = (letter?: string) => void navigate({ search: (search) => ({ ...search, letter }) });
  const filtered = Object.keys(filter).length > 0;
  return (
    <>
      <PageHead
        title="Dead letters"
        lead="Events that were taken and that MongoDB refused. They are kept for good, and can be sent again."
      />
      <div className="flex flex-col gap-4">
        {(query.data || !query.error) && (
          <Causes
            groups={query.data && (query.data.pages[0]?.groups ?? [])}
            former={former}
            filter={filter}
            replay={setReplaying}
          />
        )}
        <Card>
          <LetterFilterBar filter={filter} />
          <Loaded
            query={query}
            what="dead letters"
            skeleton={<SkeletonRows rows={8} />}
            isEmpty={() => rows.length === 0}
            empty={former ? <SkeletonRows rows={8} /> : filtered ? <NoMatch /> : <None />}
          >
            {() => (
              <>
                <Table
                  label="Dead letters"
                  rows={rows}
                  id={(row) => row.id}
                  selected={open}
                  columns={columns(show, former)}
                  former={former}
                />
                <More query={query} shown={rows.length} one="dead letter" />
              </>
            )}
          </Loaded>
        </Card>
      </div>
      {open && <LetterDrawer id={open} close={() => show(undefined)} replay={setReplaying} />}
      {replaying && <Replay selection={replaying} close={() => setReplaying(undefined)} />}
    </>
  );
}

const STATES: Record<string, State> = { open: "warn", replayed: "ok", discarded: "off" };

const columns = (show: (id: string) => void, former: boolean): Column<DeadLetter>[] => [
  { head: "Failed", cell: (row) => <When at={row.lastFailedAt} /> },
  { head: "State", cell: (row) => <Status state={STATES[row.status] ?? "unknown"}>{row.status}</Status> },
  {
    head: "Event",
    cell: (row) => (
      <button
        type="button"
        disabled={former}
        onClick={() => show(row.id)}
        className="max-w-56 truncate text-left font-mono text-xs text-accent underline"
      >
        {row.eventId ?? row.id}
      </button>
    ),
  },
  {
    head: "Type",
    cell: (row) => (
      <span className="inline-block min-w-24 font-mono text-xs wrap-anywhere">{row.type ?? "–"}</span>
    ),
  },
  {
    head: "User",
    cell: (row) => (
      <span className="inline-block min-w-24 font-mono text-xs wrap-anywhere">{row.userId}</span>
    ),
  },
  {
    head: "Cause",
    cell: (row) => (
      <span className="line-clamp-2 sm:min-w-56">
        <span className="font-mono text-xs">{row.reason.code}</span>{" "}
        <span className="text-soft">{row.reason.message}</span>
      </span>
    ),
    className: "w-full",
  },
  { head: "Attempts", cell: (row) => row.attempts, numeric: true },
];

function None() {
  return (
    <Empty title="No dead letter is open">
      Every event that was taken is stored or on its way. When MongoDB refuses one, it lands here with the
      reason, and can be sent again once the reason is gone.
    </Empty>
  );
}

function NoMatch() {
  return <Empty title="No dead letter matches">Clear the filter to see all that are open.</Empty>;
}
