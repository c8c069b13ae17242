// API keys: which there are, what each may do, when it was used last.
import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { useSearch } from "@tanstack/react-router";
import { Plus } from "lucide-react";
import { useState } from "react";
import { useRefusal } from "@/api/may";
import { type Key, keys } from "@/api/queries";
import { count } from "@/lib/format";
import { Button } from "@/ui/Button";
import { Card, PageHead } from "@/ui/Card";
import { Empty, Loaded, SkeletonRows } from "@/ui/Loaded";
import { More } from "@/ui/More";
import { Status } from "@/ui/Status";
import { type Column, Table } from "@/ui/Table";
import { When } from "@/ui/When";
import { matches } from "./filter";
import { KeyFilterBar } from "./KeyFilterBar";
import { NewKey } from "./NewKey";
import { Revoke } from "./Revoke";

export function Keys() {
  const query = useInfiniteQuery({ ...keys, placeholderData: keepPreviousData });
  const refused = useRefusal("Making and revoking");
  const [making, setMaking] = useState(false);
  const [revoking, setRevoking] = useState<Key>();
  const filter = useSearch({ from: "/shell/keys" });
  const loaded = query.data?.pages.flatMap((page) => page.keys) ?? [];
  const rows = loaded.filter((key) => matches(key, filter));
  return (
    <>
      <PageHead
        title="API keys"
        lead="Programs send events and read them with a key. Only its hash is stored."
      >
        {refused && <Status state="info">{refused}</Status>}
        <Button look="main" disabled={!!refused} onClick={() => setMaking(true)}>
          <Plus size={15} aria-hidden />
          New key
        </Button>
      </PageHead>
      <Card>
        <KeyFilterBar filter={filter} />
        <Loaded
          query={query}
          what="keys"
          skeleton={<SkeletonRows />}
          isEmpty={() => loaded.length === 0}
          empty={
            <Empty
              title="There is no key yet"
              action={
                <Button disabled={!!refused} onClick={() => setMaking(true)}>
                  Make the first key
                </Button>
              }
            >
              A program needs one to send events. Give each program its own, so that one can be revoked alone.
            </Empty>
          }
        >
          {() => (
            <>
              {rows.length > 0 ? (
                <Table
                  label="API keys"
                  rows={rows}
                  id={(row) => row.id}
                  columns={columns(!refused, setRevoking)}
                />
              ) : (
                <Empty title="No key matches">Of the rows loaded none is of this name and state.</Empty>
              )}
              <More query={query} shown={rows.length} loaded={loaded.length} one="key" />
            </>
          )}
        </Loaded>
      </Card>
      {making && <NewKey close={() => setMaking(false)} />}
      {revoking && <Revoke apiKey={revoking} close={() => setRevoking(undefined)} />}
    </>
  );
}

const columns = (may: boolean, revoke: (key: Key) => void): Column<Key>[] => [
  {
    head: "Name",
    cell: (row) => <span className="font-medium wrap-anywhere">{row.name ?? "–"}</span>,
    className: "w-full sm:min-w-36",
  },
  { head: "Key", cell: (row) => <span className="font-mono text-xs whitespace-nowrap">epk_{row.id}_…</span> },
  {
    head: "State",
    cell: (row) =>
      row.revokedAt ? (
        <>
          <Status state="off">revoked</Status>
          <span className="block text-xs text-soft">
            <When at={row.revokedAt} />
          </span>
        </>
      ) : (
        <Status state="ok">active</Status>
      ),
  },
  {
    head: "May",
    cell: (row) => <span className="whitespace-nowrap">{row.scopes.join(", ")}</span>,
  },
  {
    head: "Rate",
    cell: (row) => (row.rateEventsPerSecond ? `${count(row.rateEventsPerSecond)} events/s` : "as set"),
    numeric: true,
  },
  { head: "Last used", cell: (row) => (row.lastUsedAt ? <When at={row.lastUsedAt} /> : "never") },
  { head: "Made", cell: (row) => <When at={row.createdAt} /> },
  {
    head: "Action",
    cell: (row) =>
      row.revokedAt ? null : (
        <Button look="danger" disabled={!may} onClick={() => revoke(row)}>
          Revoke
        </Button>
      ),
  },
];
