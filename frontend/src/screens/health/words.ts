// Health in words. Each line says what is, and if it is not well, what that means and what to do.
import type { Dependency, Health, Stats } from "@/api/queries";
import { count, counted, duration, milliseconds, short } from "@/lib/format";
import { relative } from "@/lib/time";
import { certainty } from "@/screens/overview/certainty";
import type { State } from "@/ui/Status";

export interface Line {
  name: string;
  role?: string;
  state: State;
  word: string;
  text: string;
}

const STORES = [
  { name: "Redis", key: "redis", role: "takes and queues events" },
  { name: "PostgreSQL", key: "postgres", role: "keys and people" },
  { name: "MongoDB", key: "mongodb", role: "stored events" },
] as const;

/** The whole in one sentence. */
export function summary(health: Health): { state: State; text: string } {
  const away = STORES.filter((store) => health[store.key].status !== "ok").map((store) => store.name);
  if (away.length === 0) return { state: "ok", text: "All well: every store answers." };
  const names = away.length > 1 ? `${away.slice(0, -1).join(", ")} and ${away.at(-1)}` : away[0];
  const lost = "Nothing that was acknowledged is lost.";
  return { state: "bad", text: `${names} ${away.length > 1 ? "do" : "does"} not answer. ${lost}` };
}

export function dependencies(health: Health): Line[] {
  return STORES.map(({ name, key, role }) => {
    const store = health[key];
    const ok = store.status === "ok";
    return { name, role, state: ok ? "ok" : "bad", word: ok ? "answers" : "away", text: said(store) };
  });
}

function said(store: Dependency): string {
  const age = typeof store.ageMs === "number" ? relative(0, store.ageMs) : undefined;
  if (store.status === "ok") {
    const took = typeof store.latencyMs === "number" ? ` in ${milliseconds(store.latencyMs)}` : "";
    return `Answered ${took.trim() || "last"}, ${age ?? "a moment ago"}.`;
  }
  const since = age ? `It last answered ${age}. ` : "It has not answered since the API started. ";
  return `${since}${store.detail ?? ""} Look at its log, and whether it runs.`;
}

/** What the figures say: queue, workers, dead letters. */
export function flow(stats: Stats): Line[] {
  const now = stats.samples.at(-1);
  if (!now)
    return [
      { name: "Figures", state: "unknown", word: "none yet", text: "The first ones come within 5 seconds." },
    ];
  return [
    queue(now.lagEvents, now.lagCertainty, now.eventsOutPerSecond),
    workers(now.workers, now.lagEvents),
    letters(now.deadLettersOpen, now.deadLettersMore),
  ];
}

type Maybe = number | null | undefined;

function queue(lag: Maybe, word: string, done: Maybe): Line {
  const name = "Queue";
  const sure = certainty(word);
  if (typeof lag !== "number") {
    return {
      name,
      state: "unknown",
      word: "lag unknown",
      text: `How many events wait is not known: ${sure.sentence}.`,
    };
  }
  const about = word === "Estimated" ? "About " : "";
  if (lag === 0) return { name, state: "ok", word: "empty", text: "Every event that was taken is done." };
  const seconds = done && done > 0 ? lag / done : undefined;
  const rest = seconds
    ? `, done in about ${duration(seconds)} at ${short(done)} events/s`
    : ", and none was done just now";
  const state = seconds && seconds < 60 ? "ok" : "warn";
  return {
    name,
    state,
    word: state === "ok" ? "moving" : "behind",
    text: `${about}${counted(lag, "event")} wait${rest}.`,
  };
}

function workers(live: Maybe, lag: Maybe): Line {
  const name = "Workers";
  if (typeof live !== "number")
    return { name, state: "unknown", word: "unknown", text: "Redis did not say who is alive." };
  if (live === 0) {
    const waits = typeof lag === "number" && lag > 0;
    const text = waits
      ? "No worker is alive and events wait. They are safe in Redis; start a worker, or look why none starts."
      : "No worker is alive, and no event waits for one.";
    return { name, state: waits ? "bad" : "info", word: "none", text };
  }
  return {
    name,
    state: "ok",
    word: "alive",
    text: `${counted(live, "worker")} gave a sign of life in the last 15 seconds.`,
  };
}

function letters(open: Maybe, more: boolean): Line {
  const name = "Dead letters";
  if (typeof open !== "number")
    return { name, state: "unknown", word: "unknown", text: "MongoDB did not say how many." };
  if (open === 0)
    return { name, state: "ok", word: "none", text: "MongoDB refused no event that waits for a decision." };
  const many = more ? `More than ${count(open)} events` : counted(open, "event");
  return {
    name,
    state: "warn",
    word: "to decide",
    text: `${many} ${open === 1 ? "was" : "were"} refused by MongoDB. Look at the causes under Dead letters, mend them, and replay.`,
  };
}
