// Six numbers: what one looks at first.
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import type { Sample, Stats } from "@/api/queries";
import { count, milliseconds, short } from "@/lib/format";
import type { Value } from "@/lib/series";
import { Sparkline } from "@/ui/Sparkline";
import { type State, Status } from "@/ui/Status";
import { When } from "@/ui/When";
import { certainty } from "./certainty";

export function Tiles({ data, slots }: { data: Stats; slots: number }) {
  const now = data.samples.at(-1);
  // What Redis does not say now keeps its last value, with its age.
  const known = (pick: (sample: Sample) => Value) =>
    data.samples.findLast((sample) => typeof pick(sample) === "number") ?? now;
  const rate = known((sample) => sample.eventsInPerSecond);
  const lag = known((sample) => sample.lagEvents);
  const workers = known((sample) => sample.workers);
  const series = (pick: (sample: Sample) => Value) => ({ values: data.samples.map(pick), slots });
  const measured = data.samples.findLast((sample) => sample.replica.ingestMilliseconds);
  const sure = certainty(now?.lagCertainty);
  const letters = now?.deadLettersOpen;
  return (
    <div className="grid grid-cols-2 gap-3 lg:grid-cols-3 xl:grid-cols-6">
      <Tile
        name="Events taken"
        value={short(rate?.eventsInPerSecond)}
        unit="/s"
        {...series((s) => s.eventsInPerSecond)}
      >
        {rate === now ? <>workers do {short(now?.eventsOutPerSecond)} /s</> : <Former sample={rate} />}
      </Tile>
      <Tile
        name="Latency, p95"
        value={milliseconds(measured?.replica.ingestMilliseconds?.p95)}
        {...series((s) => s.replica.ingestMilliseconds?.p95)}
      >
        <Latency sample={measured} now={now} />
      </Tile>
      <Tile name="Lag" value={short(lag?.lagEvents)} unit="events" {...series((s) => s.lagEvents)}>
        {lag === now ? <Status state={sure.state}>{sure.word}</Status> : <Former sample={lag} />}
      </Tile>
      <Tile name="Workers" value={count(workers?.workers)} unit="live" {...series((s) => s.workers)}>
        {workers !== now ? (
          <Former sample={workers} />
        ) : now?.workers !== 0 ? (
          <Link to="/scaling">why so many</Link>
        ) : now.lagEvents === 0 ? (
          <Status state="ok">asleep, nothing waits</Status>
        ) : (
          <Status state="warn">none is reading</Status>
        )}
      </Tile>
      <Tile
        name="Dead letters"
        value={`${short(letters)}${now?.deadLettersMore ? "+" : ""}`}
        unit="open"
        {...series((s) => s.deadLettersOpen)}
      >
        <Letters open={letters} />
      </Tile>
      <Shards shards={data.shards} />
    </div>
  );
}

/** In place of what goes with a figure of now. */
function Former({ sample }: { sample: Sample | undefined }) {
  return (
    <p>
      not known now; this is from <When at={sample?.at} />
    </p>
  );
}

interface TileProps {
  name: string;
  value: string;
  unit?: string;
  values?: Value[];
  slots?: number;
  children: ReactNode;
}

function Tile({ name, value, unit, values, slots = 1, children }: TileProps) {
  return (
    <section className="flex min-w-0 flex-col gap-1 rounded-md border border-line bg-surface p-3.5 shadow-lift">
      <h2 className="text-xs font-medium text-soft">{name}</h2>
      <p className="text-2xl font-semibold tracking-tight whitespace-nowrap">
        {value}
        {unit && <span className="pl-1 text-sm font-normal tracking-normal text-soft">{unit}</span>}
      </p>
      <div className="h-9 pt-1">{values && <Sparkline values={values} slots={slots} />}</div>
      <div className="flex min-h-5 items-center text-xs text-soft [&_a]:text-accent [&_a]:underline">
        {children}
      </div>
    </section>
  );
}

/** The other percentiles, whose they are, and of when where that is not now. */
function Latency({ sample, now }: { sample: Sample | undefined; now: Sample | undefined }) {
  const latency = sample?.replica.ingestMilliseconds;
  if (!latency) return "no request measured";
  return (
    <p>
      p50 {milliseconds(latency.p50)}, p99 {milliseconds(latency.p99)}; of one API replica
      {sample !== now && (
        <>
          , <When at={sample.at} />
        </>
      )}
    </p>
  );
}

function Letters({ open }: { open: number | null | undefined }) {
  if (open === null || open === undefined) return <Status state="unknown">MongoDB did not say</Status>;
  if (open === 0) return <Status state="ok">none</Status>;
  return (
    <Link to="/dead-letters">
      <Status state="warn">look at them</Status>
    </Link>
  );
}

function Shards({ shards }: { shards: number | null | undefined }) {
  const [state, word]: [State, string] =
    shards === null || shards === undefined
      ? ["unknown", "MongoDB did not say"]
      : shards === 0
        ? ["info", "not sharded here"]
        : ["ok", "hold the events"];
  return (
    <Tile name="Shards" value={shards === 0 ? "1" : count(shards)} unit={shards === 0 ? "server" : "shards"}>
      <Status state={state}>{word}</Status>
    </Tile>
  );
}
