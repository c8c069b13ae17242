// One dead letter: why, since when, and the event that it carries.
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { RotateCcw, Trash2 } from "lucide-react";
import { useState } from "react";
import { api, ask } from "@/api/client";
import { useRefusal } from "@/api/may";
import { words } from "@/api/problem";
import { letter, type Selection } from "@/api/queries";
import { bytes, counted } from "@/lib/format";
import { Button } from "@/ui/Button";
import { Confirm } from "@/ui/Confirm";
import { Drawer } from "@/ui/Drawer";
import { Fact, Facts, Mono } from "@/ui/Facts";
import { Loaded, SkeletonRows } from "@/ui/Loaded";
import { Json, Scroll } from "@/ui/Scroll";
import { Notice, Status } from "@/ui/Status";
import { When } from "@/ui/When";
import { CLASSES } from "./causes";

/** What the API shows of a payload that does not decode. */
const BASE64_BYTES = 4_096;

interface LetterDrawerProps {
  id: string;
  close: () => void;
  replay: (selection: Selection) => void;
}

export function LetterDrawer({ id, close, replay }: LetterDrawerProps) {
  const query = useQuery(letter(id));
  const refused = useRefusal("Deciding");
  const queries = useQueryClient();
  const [asking, setAsking] = useState(false);
  const discard = useMutation({
    mutationFn: () => ask(api.POST("/api/v1/dlq/discard", { body: { ids: [id] } })),
    onSuccess: async () => {
      setAsking(false);
      await Promise.all([
        queries.invalidateQueries({ queryKey: ["letters"] }),
        queries.invalidateQueries({ queryKey: ["letter", id] }),
      ]);
    },
  });
  const found = query.data;
  const shown = found?.payload.events.length ?? 0;
  const name = found?.eventId ?? id;
  return (
    <Drawer
      open
      close={close}
      title={<span className="font-mono text-sm">{name}</span>}
      about="A dead letter"
      actions={
        found && (
          <>
            {refused && <Status state="info">{refused}</Status>}
            {found.status === "open" && (
              <Button look="danger" disabled={!!refused} onClick={() => setAsking(true)}>
                <Trash2 size={14} aria-hidden />
                Discard
              </Button>
            )}
            <Button look="main" disabled={!!refused} onClick={() => replay({ ids: [id], dryRun: true })}>
              <RotateCcw size={14} aria-hidden />
              Replay
            </Button>
          </>
        )
      }
    >
      <Loaded query={query} what="dead letter" skeleton={<SkeletonRows />}>
        {(data) => (
          <div className="flex flex-col gap-4">
            <Notice state="warn">
              <strong className="font-semibold">{data.reason.code}</strong>: {data.reason.message}
              <p className="pt-1">{CLASSES[data.reason.class]}</p>
            </Notice>
            <Facts>
              <Fact name="State">{data.status}</Fact>
              <Fact name="Type">
                <Mono>{data.type ?? "–"}</Mono>
              </Fact>
              <Fact name="User">
                <Mono>{data.userId}</Mono>
              </Fact>
              <Fact name="Taken">
                <When at={data.receivedAt} exactly />
              </Fact>
              <Fact name="First failed">
                <When at={data.firstFailedAt} exactly />
              </Fact>
              <Fact name="Last failed">
                <When at={data.lastFailedAt} exactly />
              </Fact>
              <Fact name="Attempts">{data.attempts}</Fact>
              <Fact name="Given up by">
                <Mono>{data.worker}</Mono>
              </Fact>
              <Fact name="Carries">
                {counted(data.payload.eventCount, "event")}, {bytes(data.payload.bytes)}
                {shown > 0 &&
                  shown < data.payload.eventCount &&
                  `; the first ${shown} ${shown === 1 ? "is" : "are"} shown`}
              </Fact>
            </Facts>
            {data.payload.error && (
              <Notice state="bad">It does not decode. {words(data.payload.error)}</Notice>
            )}
            {data.payload.base64 && (
              <div>
                <p className="pb-1 text-soft">
                  {data.payload.bytes > BASE64_BYTES ? `The first ${bytes(BASE64_BYTES)}` : "All of it"} as
                  base64:
                </p>
                <Scroll
                  label="Payload as base64"
                  className="max-h-48 overflow-y-auto rounded-md bg-sunken p-3"
                >
                  <pre className="font-mono text-xs break-all whitespace-pre-wrap">{data.payload.base64}</pre>
                </Scroll>
              </div>
            )}
            {data.payload.events.map((event) => (
              <Json key={event.id} value={event} label={`Event ${event.id}`} />
            ))}
          </div>
        )}
      </Loaded>
      {asking && (
        <Confirm
          title="Discard this dead letter?"
          name={name}
          action="Discard"
          busy={discard.isPending}
          error={discard.error}
          confirm={() => discard.mutate()}
          close={() => setAsking(false)}
        >
          The event is not stored, unless somebody replays it later. The letter stays, as discarded.
        </Confirm>
      )}
    </Drawer>
  );
}
