// People: who may sign in, as what, and when they last did.
import { keepPreviousData, useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useSearch } from "@tanstack/react-router";
import { Plus } from "lucide-react";
import { useState } from "react";
import { useRefusal } from "@/api/may";
import { me, people, type User } from "@/api/queries";
import { Button } from "@/ui/Button";
import { Card, PageHead } from "@/ui/Card";
import { Empty, Loaded, SkeletonRows } from "@/ui/Loaded";
import { More } from "@/ui/More";
import { Status } from "@/ui/Status";
import { type Column, Table } from "@/ui/Table";
import { When } from "@/ui/When";
import { ChangePerson } from "./ChangePerson";
import { DeletePerson } from "./DeletePerson";
import { matches } from "./filter";
import { NewPerson } from "./NewPerson";
import { PersonFilterBar } from "./PersonFilterBar";
import { ROLES } from "./roles";

export function People() {
  const query = useInfiniteQuery({ ...people, placeholderData: keepPreviousData });
  const own = useQuery(me).data?.id;
  const refused = useRefusal("Making and changing people");
  const [making, setMaking] = useState(false);
  const [changing, setChanging] = useState<User>();
  const [deleting, setDeleting] = useState<User>();
  const filter = useSearch({ from: "/shell/people" });
  const loaded = query.data?.pages.flatMap((page) => page.users) ?? [];
  const rows = loaded.filter((person) => matches(person, filter));
  const columns: Column<User>[] = [
    {
      head: "E-mail",
      cell: (row) => (
        <span className="font-medium break-all">
          {row.email} {row.id === own && <span className="font-normal text-soft">(you)</span>}
        </span>
      ),
      className: "w-full sm:min-w-48",
    },
    { head: "Role", cell: (row) => ROLES[row.role].name },
    {
      head: "State",
      cell: (row) =>
        row.disabled ? <Status state="off">disabled</Status> : <Status state="ok">may sign in</Status>,
    },
    { head: "Last sign-in", cell: (row) => (row.lastLoginAt ? <When at={row.lastLoginAt} /> : "never") },
    { head: "Made", cell: (row) => <When at={row.createdAt} /> },
    {
      head: "Action",
      cell: (row) => (
        <span className="flex gap-2">
          <Button disabled={!!refused} onClick={() => setChanging(row)} aria-label={`Change ${row.email}`}>
            Change
          </Button>
          <Button
            look="danger"
            disabled={!!refused}
            onClick={() => setDeleting(row)}
            aria-label={`Delete ${row.email}`}
          >
            Delete
          </Button>
        </span>
      ),
    },
  ];
  return (
    <>
      <PageHead
        title="People"
        lead="They sign in here with e-mail and password. Programs have API keys instead."
      >
        {refused && <Status state="info">{refused}</Status>}
        <Button look="main" disabled={!!refused} onClick={() => setMaking(true)}>
          <Plus size={15} aria-hidden />
          New person
        </Button>
      </PageHead>
      <Card>
        <PersonFilterBar filter={filter} />
        <Loaded
          query={query}
          what="people"
          skeleton={<SkeletonRows />}
          isEmpty={() => loaded.length === 0}
          empty={
            <Empty
              title="There is nobody yet"
              action={
                <Button disabled={!!refused} onClick={() => setMaking(true)}>
                  Make the first one
                </Button>
              }
            >
              The first administrator is made of the API's settings ADMIN_EMAIL and ADMIN_PASSWORD when it
              starts.
            </Empty>
          }
        >
          {() => (
            <>
              {rows.length > 0 ? (
                <Table label="People" rows={rows} id={(row) => row.id} columns={columns} />
              ) : (
                <Empty title="Nobody matches">Of the rows loaded none is of this address and role.</Empty>
              )}
              <More query={query} shown={rows.length} loaded={loaded.length} one="person" many="people" />
            </>
          )}
        </Loaded>
      </Card>
      {making && <NewPerson close={() => setMaking(false)} />}
      {changing && (
        <ChangePerson person={changing} own={changing.id === own} close={() => setChanging(undefined)} />
      )}
      {deleting && <DeletePerson person={deleting} close={() => setDeleting(undefined)} />}
    </>
  );
}
