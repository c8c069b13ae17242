// How the pipeline does now, and did in the last 15 minutes.
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type Stats, stats } from "@/api/queries";
import { Card, PageHead } from "@/ui/Card";
import { Empty, Loaded } from "@/ui/Loaded";
import { Chart } from "./Chart";
import { LastDecision } from "./LastDecision";
import { Tiles } from "./Tiles";

export function Overview() {
  const query = useQuery(stats);
  return (
    <>
      <PageHead title="Overview" lead="Now, and the last 15 minutes. Figures come every 5 seconds." />
      <Loaded
        query={query}
        what="figures"
        bare
        skeleton={<Skeleton />}
        isEmpty={(data) => data.eventsInTotal === 0}
        empty={<NoEvents />}
      >
        {(data) => <Figures data={data} />}
      </Loaded>
    </>
  );
}

function Figures({ data }: { data: Stats }) {
  const slots = Math.round((15 * 60) / data.intervalSeconds);
  return (
    <div className="flex flex-col gap-4">
      <Tiles data={data} slots={slots} />
      <div className="grid gap-4 xl:grid-cols-2">
        <Chart
          title="Events per second"
          unit="/s"
          samples={data.samples}
          slots={slots}
          lines={[
            { name: "taken", pick: (sample) => sample.eventsInPerSecond, look: "main" },
            { name: "done by workers", pick: (sample) => sample.eventsOutPerSecond, look: "second" },
          ]}
        />
        <Chart
          title="Events that wait"
          unit="events"
          samples={data.samples}
          slots={slots}
          lines={[{ name: "lag", pick: (sample) => sample.lagEvents, look: "main" }]}
        />
      </div>
      <LastDecision />
    </div>
  );
}

function NoEvents() {
  return (
    <Card>
      <Empty
        title="No event has come yet"
        action={
          <Link to="/first-event" className="rounded-md bg-accent px-3 py-1.5 font-medium text-on-accent">
            Send the first event
          </Link>
        }
      >
        The pipeline runs and waits. One curl is enough to see the whole way, from the API to MongoDB.
      </Empty>
    </Card>
  );
}

function Skeleton() {
  return (
    <div className="grid grid-cols-2 gap-3 lg:grid-cols-3 xl:grid-cols-6">
      {["in", "latency", "lag", "workers", "letters", "shards"].map((name) => (
        <div key={name} className="skeleton h-43" />
      ))}
    </div>
  );
}
