// Health in words. Each line says what is, and if it is not well, what that means and what to do.
import { words } from "@/api/problem";
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

/** The stores in one sentence. */
export function summary(health: Health): { state: State; text: string } {
  const { refusing, away } = faulty(health);
  if (refusing.length + away.length === 0) return { state: "ok", text: "Every store answers." };
  const names = away.length > 1 ? `${away.slice(0, -1).join(", ")} and ${away.at(-1)}` : away[0];
  const faults = [
    ...refusing.map((name) => `${name} refuses events.`),
    ...(names ? [`${names} ${away.length > 1 ? "do" : "does"} not answer.`] : []),
  ];
  return { state: "bad", text: `${faults.join(" ")} Nothing that was acknowledged is lost.` };
}

/** The whole in a few words: the worst of the stores and of the flow. Without figures it is not known. */
export function gist(health: Health, figures: Stats | undefined): { state: State; text: string } {
  const { refusing, away } = faulty(health);
  const faults = [...refusing.map((name) => `${name} refuses events`), ...away.map((name) => `${name} away`)];
  if (faults.length > 0) return { state: "bad", text: faults.join(", ") };
  if (!figures) return { state: "unknown", text: "Figures unknown" };
  const lines = flow(figures);
  for (const state of ["bad", "warn", "unknown"] as const) {
    const worst = lines.find((line) => line.state === state);
    if (worst) return { state, text: `${worst.name}: ${worst.word}` };
  }
  return { state: "ok", text: "All well" };
}

/** The names of the stores that are not well. */
function faulty(health: Health): { refusing: string[]; away: string[] } {
  const those = (is: (status: string) => boolean) =>
    STORES.filter(({ key }) => is(health[key].status)).map(({ name }) => name);
  const refuses = (status: string) => status === "refusing";
  return { refusing: those(refuses), away: those((status) => status !== "ok" && !refuses(status)) };
}

const WORDS: Record<string, string> = { ok: "answers", refusing: "refuses events" };

export function dependencies(health: Health): Line[] {
  return STORES.map(({ name, key, role }) => {
    const store = health[key];
    const state = store.status === "ok" ? "ok" : "bad";
    return { name, role, state, word: WORDS[store.status] ?? "away", text: said(store) };
  });
}

function said(store: Dependency): string {
  const age = typeof store.ageMs === "number" ? relative(0, store.ageMs) : undefined;
  if (store.status === "ok") {
    const took = typeof store.latencyMs === "number" ? ` in ${milliseconds(store.latencyMs)}` : "";
    return `Answered ${took.trim() || "last"}, ${age ?? "a moment ago"}.`;
  }
  const detail = store.detail ? ` ${words(store.detail)}` : "";
  if (store.status === "refusing") return `It answers and takes no events.${detail}`;
  const since = age ? `It last answered ${age}.` : "It has not answered since the API started.";
  return `${since}${detail} Look at its log, and whether it runs.`;
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
    if (lag === 0)
      return { name, state: "info", word: "none", text: "No worker is alive, and no event waits for one." };
    const [state, what] =
      typeof lag === "number" ? (["bad", "events wait"] as const) : (["warn", "events may wait"] as const);
    const text = `No worker is alive and ${what}. They are safe in Redis; start a worker, or look why none starts.`;
    return { name, state, word: "none alive", text };
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
