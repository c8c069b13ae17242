// Moments: relative for reading, exact for the record, in the zone that the person chose.
import { useSyncExternalStore } from "react";
import { duration } from "./format";

/** "local" is the browser's zone; anything else an IANA name. */
export type Zone = string;

/** "just now", "12 s ago", "in 3 min". */
export function relative(at: number, now: number): string {
  const seconds = (now - at) / 1000;
  if (Math.abs(seconds) < 2) return "just now";
  return seconds > 0 ? `${duration(seconds)} ago` : `in ${duration(-seconds)}`;
}

/** One a zone: making one takes longer than a whole list of times. */
const formats = new Map<Zone, Intl.DateTimeFormat>();

function format(zone: Zone): Intl.DateTimeFormat {
  const known = formats.get(zone);
  if (known) return known;
  const made = new Intl.DateTimeFormat("en-CA", {
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    fractionalSecondDigits: 3,
    hourCycle: "h23",
    timeZoneName: "short",
    timeZone: zone === "local" ? undefined : zone,
  });
  formats.set(zone, made);
  return made;
}

/** 2026-01-31 12:00:05.123 UTC: the same width always, and sorts. */
export function exact(at: number, zone: Zone): string {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return "–";
  const parts = format(zone).formatToParts(date);
  const part = (type: Intl.DateTimeFormatPartTypes) => parts.find((part) => part.type === type)?.value ?? "";
  const day = `${part("year")}-${part("month")}-${part("day")}`;
  const clock = `${part("hour")}:${part("minute")}:${part("second")}.${part("fractionalSecond")}`;
  return `${day} ${clock} ${part("timeZoneName")}`;
}

/** 12:00:05 */
export function clock(at: number, zone: Zone): string {
  return exact(at, zone).slice(11, 19);
}

const listeners = new Set<() => void>();
let now = Date.now();
let timer: ReturnType<typeof setInterval> | undefined;

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  timer ??= setInterval(() => {
    now = Date.now();
    for (const each of listeners) each();
  }, 1_000);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) {
      clearInterval(timer);
      timer = undefined;
    }
  };
}

/** While nothing showed a time the clock stood: the first to read it sets it. */
function read(): number {
  if (!timer && Date.now() - now >= 1_000) now = Date.now();
  return now;
}

/** The time, once a second, from one timer for the whole page. */
export function useNow(): number {
  return useSyncExternalStore(subscribe, read);
}
