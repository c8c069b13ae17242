// The first run: a command to copy, and then the event, appearing.
import { useMutation, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { CircleCheck, LoaderCircle } from "lucide-react";
import { useState } from "react";
import { api, ask } from "@/api/client";
import { useRefusal } from "@/api/may";
import { words } from "@/api/problem";
import { event } from "@/api/queries";
import { Button } from "@/ui/Button";
import { Card, PageHead } from "@/ui/Card";
import { CopyBlock } from "@/ui/Copy";
import { Fact, Facts, Mono } from "@/ui/Facts";
import { Loaded } from "@/ui/Loaded";
import { Json } from "@/ui/Scroll";
import { Notice, Status } from "@/ui/Status";
import { When } from "@/ui/When";
import { curl, freshId, USER } from "./curl";

/** Looked for this often while the page is open: people watch it. */
const LOOK_MS = 1_000;

export function FirstEvent() {
  const [id] = useState(freshId);
  const refused = useRefusal("This");
  const key = useMutation({
    mutationFn: () =>
      ask(api.POST("/api/v1/keys", { body: { name: "first event", scopes: ["ingest", "read"] } })),
  });
  return (
    <>
      <PageHead title="Send an event" lead="One command, and the event shows up here once it is stored." />
      <div className="grid gap-4 xl:grid-cols-2">
        <div className="flex min-w-0 flex-col gap-4">
          <Card title="1. A key">
            <div className="flex flex-col items-start gap-3 p-4">
              {key.data ? (
                <Notice state="ok">
                  The key stands in the command. It is shown this once and stored nowhere.
                </Notice>
              ) : (
                <>
                  <p>
                    {!refused
                      ? "Programs send events with an API key. Make one for this try; it can be revoked under API keys."
                      : "Programs send events with an API key. Ask whoever runs this pipeline for one, and put it into the command."}
                  </p>
                  <Button look="main" busy={key.isPending} disabled={!!refused} onClick={() => key.mutate()}>
                    Make a key
                  </Button>
                  {refused && <Status state="info">{refused}</Status>}
                  {key.error && <Notice state="bad">{words(key.error)}</Notice>}
                </>
              )}
            </div>
          </Card>
          <Card title="2. The command" aside="Paste it into a terminal">
            <div className="p-4">
              <CopyBlock
                text={curl(location.origin, key.data?.key, id)}
                label="Command that sends an event"
              />
            </div>
          </Card>
        </div>
        <Arrival id={id} />
      </div>
    </>
  );
}

function Arrival({ id }: { id: string }) {
  const query = useQuery({
    ...event(USER, id),
    refetchInterval: (query) => (query.state.data?.state === "stored" ? false : LOOK_MS),
  });
  return (
    <Card title="3. The event" aside={<span className="font-mono">{id}</span>}>
      <Loaded
        query={query}
        what="events"
        skeleton={<Waiting />}
        isEmpty={(found) => found === null}
        empty={<Waiting />}
      >
        {(found) => (
          <div className="flex flex-col gap-4 p-4">
            {found?.state === "stored" ? (
              <p role="status" className="flex items-center gap-2 text-base font-semibold">
                <CircleCheck size={18} className="text-ok" aria-hidden />
                Your event is stored.
              </p>
            ) : found?.state === "dead" ? (
              <Notice state="bad">MongoDB refused it: {found.deadLetter?.reason.message}</Notice>
            ) : (
              <Notice state="info">It is in Redis; a worker takes it next.</Notice>
            )}
            {found?.event && (
              <>
                <Facts>
                  <Fact name="Type">
                    <Mono>{found.event.type}</Mono>
                  </Fact>
                  <Fact name="User">
                    <Mono>{found.event.userId}</Mono>
                  </Fact>
                  <Fact name="Taken">
                    <When at={found.event.receivedAt} />
                  </Fact>
                </Facts>
                <Json value={found.event} label="The event as it is stored" />
                <p className="text-soft">
                  Send the command again: the same id is a duplicate, and stored once.{" "}
                  <Link to="/events" search={{ userId: USER }} className="text-accent underline">
                    See all events of this user
                  </Link>
                </p>
              </>
            )}
          </div>
        )}
      </Loaded>
    </Card>
  );
}

function Waiting() {
  return (
    <div className="flex flex-col items-center gap-3 px-6 py-16 text-center">
      <LoaderCircle size={22} className="animate-spin text-accent" aria-hidden />
      <p className="text-base font-semibold">Waiting for your first event…</p>
      <p className="text-soft">It appears here by itself, usually within seconds of the command.</p>
    </div>
  );
}
