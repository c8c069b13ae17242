// Dead letters by cause, most first: one cause is usually one mistake, and mended at once.
import { Link } from "@tanstack/react-router";
import { RotateCcw } from "lucide-react";
import { useRefusal } from "@/api/may";
import type { Group, LetterFilter, Selection } from "@/api/queries";
import { count } from "@/lib/format";
import { Button } from "@/ui/Button";
import { Card } from "@/ui/Card";
import { SkeletonRows } from "@/ui/Loaded";
import { Table } from "@/ui/Table";
import { CLASSES } from "./causes";

interface CausesProps {
  /** Nothing yet: they are on their way. */
  groups: Group[] | undefined;
  /** They are the answer to the question before. */
  former: boolean;
  filter: LetterFilter;
  replay: (selection: Selection) => void;
}

/** States in which a letter can be replayed again. */
const STATES = ["replayed", "discarded"] as const;
/** The most that one replay takes. */
const LIMIT = 1_000;

export function Causes({ groups, former, filter, replay }: CausesProps) {
  const refused = useRefusal("Sending again");
  if (!groups || groups.length === 0) {
    return (
      <Card title="By cause">
        {groups ? (
          <p className="px-4 py-3 text-soft">No cause: no letter matches.</p>
        ) : (
          <SkeletonRows rows={1} />
        )}
      </Card>
    );
  }
  // Those of the state that is looked at; of all only the open ones, since the others are decided.
  const decided = STATES.find((status) => status === filter.status);
  const selection = (group: Group): Selection => ({
    filter: {
      ...(decided ? { status: decided } : {}),
      class: group.class,
      code: group.code,
      ...(group.type ? { type: group.type } : {}),
      ...(filter.userId ? { userId: filter.userId } : {}),
    },
    limit: LIMIT,
    dryRun: true,
  });
  return (
    <Card title="By cause" aside={refused}>
      <Table
        label="Dead letters by cause"
        former={former}
        rows={groups}
        id={(row) => `${row.class} ${row.code} ${row.type}`}
        columns={[
          {
            head: "Letters",
            cell: (row) => <span className="font-semibold">{count(row.count)}</span>,
            numeric: true,
          },
          {
            head: "Cause",
            cell: (row) => (
              <Link
                to="/dead-letters"
                search={{ ...filter, class: row.class, code: row.code, type: row.type ?? undefined }}
                className="font-mono text-xs text-accent underline"
              >
                {row.code}
              </Link>
            ),
          },
          {
            head: "Type of event",
            cell: (row) => (
              <span className="inline-block min-w-24 font-mono text-xs wrap-anywhere">{row.type ?? "–"}</span>
            ),
          },
          {
            head: "What it means",
            cell: (row) => <span className="sm:min-w-48 text-soft">{CLASSES[row.class] ?? row.class}</span>,
            className: "w-full",
          },
          {
            head: "Action",
            cell: (row) => (
              <Button disabled={!!refused || former} onClick={() => replay(selection(row))}>
                <RotateCcw size={14} aria-hidden />
                {filter.status === "all" ? "Replay the open" : "Replay"}
              </Button>
            ),
          },
        ]}
      />
    </Card>
  );
}
