// One event, and where it is.
import { useQuery } from "@tanstack/react-query";
import { event } from "@/api/queries";
import { CopyButton } from "@/ui/Copy";
import { Drawer } from "@/ui/Drawer";
import { Fact, Facts, Mono } from "@/ui/Facts";
import { Empty, Loaded, SkeletonRows } from "@/ui/Loaded";
import { Json } from "@/ui/Scroll";
import { Status } from "@/ui/Status";
import { When } from "@/ui/When";

const STATES = {
  stored: <Status state="ok">stored</Status>,
  queued: <Status state="info">queued in Redis</Status>,
  dead: <Status state="bad">dead letter</Status>,
};

/** Steps of a path: browsers carry them out before they ask. */
const DOTS = new Set([".", ".."]);

export function EventDrawer({ userId, id, close }: { userId: string; id: string; close: () => void }) {
  const query = useQuery(event(userId, id));
  const found = query.data?.event;
  return (
    <Drawer
      open
      close={close}
      title={<span className="font-mono text-sm">{id}</span>}
      about={`An event of ${userId}`}
      actions={found && <CopyButton text={JSON.stringify(found, null, 2)} label="Copy as JSON" />}
    >
      <Loaded
        query={query}
        what="event"
        skeleton={<SkeletonRows />}
        isEmpty={(data) => data === null}
        empty={
          DOTS.has(id) ? (
            <Empty title="A browser cannot ask for this id">
              It takes dots out of an address. It is in the list if it is stored.
            </Empty>
          ) : (
            <Empty title="It is not there">It was never taken, or its retention is over.</Empty>
          )
        }
      >
        {(data) =>
          data && (
            <div className="flex flex-col gap-4">
              <Facts>
                <Fact name="Where">{STATES[data.state]}</Fact>
                <Fact name="Type">
                  <Mono>{data.event?.type ?? data.deadLetter?.type ?? "–"}</Mono>
                </Fact>
                <Fact name="Happened">
                  <When at={data.event?.timestamp} exactly />
                </Fact>
                <Fact name="Taken">
                  <When at={data.event?.receivedAt} exactly />
                </Fact>
                {data.deadLetter && <Fact name="Refused">{data.deadLetter.reason.message}</Fact>}
              </Facts>
              {data.event && <Json value={data.event.properties ?? {}} label="Properties" />}
            </div>
          )
        }
      </Loaded>
    </Drawer>
  );
}
