// Dead letters by cause, most first: one cause is usually one mistake, and mended at once.
import { Link } from "@tanstack/react-router";
import { RotateCcw } from "lucide-react";
import { useRefusal } from "@/api/may";
import type { Group, LetterFilter, Selection } from "@/api/queries";
import { count } from "@/lib/format";
import { Button } from "@/ui/Button";
import { Card } from "@/ui/Card";
import { Table } from "@/ui/Table";
import { CLASSES } from "./causes";

interface CausesProps {
  groups: Group[];
  filter: LetterFilter;
  replay: (selection: Selection) => void;
}

/** The most that one replay takes. */
const LIMIT = 1_000;

export function Causes({ groups, filter, replay }: CausesProps) {
  const refused = useRefusal("Sending again");
  if (groups.length === 0) return null;
  // What is done with already is not sent again; of all, the open ones are.
  const open = !filter.status || filter.status === "open" || filter.status === "all";
  const selection = (group: Group): Selection => ({
    filter: {
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
            cell: (row) => <span className="font-mono text-xs">{row.type ?? "–"}</span>,
          },
          {
            head: "What it means",
            cell: (row) => (
              <span className="line-clamp-2 sm:min-w-48 text-soft">{CLASSES[row.class] ?? row.class}</span>
            ),
            className: "w-full",
          },
          {
            head: "Action",
            cell: (row) => (
              <Button disabled={!!refused || !open} onClick={() => replay(selection(row))}>
                <RotateCcw size={14} aria-hidden />
                Replay
              </Button>
            ),
          },
        ]}
      />
    </Card>
  );
}
