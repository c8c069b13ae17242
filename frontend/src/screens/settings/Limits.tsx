// The limits in force, read-only: each with what to change to change it.
import { useQuery } from "@tanstack/react-query";
import { Fragment } from "react";
import { limits } from "@/api/queries";
import { Card } from "@/ui/Card";
import { Loaded, SkeletonRows } from "@/ui/Loaded";
import { type Column, Table } from "@/ui/Table";
import { type Limit, rows } from "./limits";

export function Limits() {
  const query = useQuery(limits);
  return (
    <Card title="Limits in force" aside="of all who send events">
      <Loaded query={query} what="limits" skeleton={<SkeletonRows rows={9} />}>
        {(data) => (
          <Table label="Limits in force" rows={rows(data)} id={(row) => row.name} columns={COLUMNS} />
        )}
      </Loaded>
      <p className="border-t border-line px-4 py-2 text-xs text-soft">
        Fields are those of the EventPipeline: change them with{" "}
        <code className="font-mono">kubectl edit epl NAME</code>, or in the file that{" "}
        <code className="font-mono">make run</code> reads, and start it again.
      </p>
    </Card>
  );
}

/** It may go on in the next line after each dot, and nowhere else. */
function Field({ path }: { path: string }) {
  return (
    <code className="font-mono text-xs">
      {path.split(".").map((part, n) => (
        <Fragment key={part}>
          {n > 0 && "."}
          {n > 0 && <wbr />}
          {part}
        </Fragment>
      ))}
    </code>
  );
}

const COLUMNS: Column<Limit>[] = [
  { head: "Limit", cell: (row) => <span className="sm:whitespace-nowrap">{row.name}</span> },
  {
    head: "In force",
    cell: (row) => <span className="font-medium whitespace-nowrap">{row.value}</span>,
    numeric: true,
  },
  {
    head: "Changed by",
    cell: (row) =>
      row.field ? (
        <>
          <Field path={row.field} />
          {row.note && <span className="block text-xs text-soft">{row.note}</span>}
        </>
      ) : (
        <span className="text-soft">{row.note}</span>
      ),
    className: "w-full",
  },
];
