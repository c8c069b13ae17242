// Sending dead letters again: first what would be done, then, on a second click, doing it.
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, ask } from "@/api/client";
import { words } from "@/api/problem";
import type { Done, Selection } from "@/api/queries";
import { counted } from "@/lib/format";
import { Button } from "@/ui/Button";
import { Drawer } from "@/ui/Drawer";
import { Loaded, SkeletonRows } from "@/ui/Loaded";
import { Notice } from "@/ui/Status";
import { Table } from "@/ui/Table";

export function Replay({ selection, close }: { selection: Selection; close: () => void }) {
  const queries = useQueryClient();
  const post = (dryRun: boolean) => ask(api.POST("/api/v1/dlq/replay", { body: { ...selection, dryRun } }));
  // The answer is of this moment and asked for anew each time.
  const dry = useQuery({
    queryKey: ["replay", selection],
    queryFn: () => post(true),
    gcTime: 0,
    staleTime: Number.POSITIVE_INFINITY,
  });
  const replay = useMutation({
    mutationFn: () => post(false),
    onSuccess: async () => {
      await Promise.all(
        ["letters", "letter", "stats"].map((name) => queries.invalidateQueries({ queryKey: [name] })),
      );
    },
  });
  const done = replay.data;
  return (
    <Drawer
      open
      close={close}
      title="Replay dead letters"
      about="They are sent again under their own ids: what is stored already stays one."
      actions={
        done ? (
          <Button look="main" onClick={close}>
            Done
          </Button>
        ) : (
          <>
            <Button onClick={close}>Cancel</Button>
            <Button
              look="main"
              busy={replay.isPending}
              disabled={!dry.data || dry.data.letters === 0}
              onClick={() => replay.mutate()}
            >
              Replay {dry.data ? counted(dry.data.letters, "letter") : ""}
            </Button>
          </>
        )
      }
    >
      <div className="flex flex-col gap-4">
        {replay.error && <Notice state="bad">{words(replay.error)}</Notice>}
        {done ? (
          <Outcome done={done} />
        ) : (
          <Loaded query={dry} what="plan" skeleton={<SkeletonRows rows={4} />}>
            {(plan) => <Outcome done={plan} />}
          </Loaded>
        )}
      </div>
    </Drawer>
  );
}

function Outcome({ done }: { done: Done }) {
  return (
    <>
      {done.dryRun ? (
        <p>
          <strong className="font-semibold">{counted(done.letters, "letter")}</strong> with{" "}
          {counted(done.events, "event")} would be queued again. If the cause is not mended, they come back
          here.
        </p>
      ) : (
        <Notice state="ok">
          {counted(done.letters, "letter")} with {counted(done.events, "event")} were queued again. If MongoDB
          refuses them once more, they come back as open.
        </Notice>
      )}
      {done.more && (
        <Notice state="info">There are more of this cause; replay again for the next ones.</Notice>
      )}
      {done.groups.length > 0 && (
        <Table
          label="Letters by cause"
          rows={done.groups}
          id={(row) => `${row.class} ${row.code} ${row.type}`}
          columns={[
            { head: "Letters", cell: (row) => row.count, numeric: true },
            { head: "Cause", cell: (row) => <span className="font-mono text-xs">{row.code}</span> },
            {
              head: "Type of event",
              cell: (row) => <span className="font-mono text-xs">{row.type ?? "–"}</span>,
            },
          ]}
        />
      )}
      {done.skipped.length > 0 && (
        <Table
          label="Letters that are left as they are"
          rows={done.skipped}
          id={(row) => row.id}
          columns={[
            { head: "Left as it is", cell: (row) => <span className="font-mono text-xs">{row.id}</span> },
            { head: "Why", cell: (row) => row.detail, className: "w-full" },
          ]}
        />
      )}
    </>
  );
}
