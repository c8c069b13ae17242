// Numbers as people read them: a unit always, thousands apart, "–" for what is not known.

/** Between a number and its unit: they stay on one line. */
const GAP = "\u00a0";
export const UNKNOWN = "–";

type Maybe = number | null | undefined;

const known = (value: Maybe): value is number => typeof value === "number" && Number.isFinite(value);

/** 12,345 */
export function count(value: Maybe): string {
  return known(value) ? Math.round(value).toLocaleString("en-US") : UNKNOWN;
}

/** "1 event", "12,345 events". */
export function counted(value: Maybe, one: string, many = `${one}s`): string {
  return `${count(value)}${GAP}${value === 1 ? one : many}`;
}

/** 950, 1.2 k, 3.4 M: for tiles and axes, where room is short. */
export function short(value: Maybe): string {
  if (!known(value)) return UNKNOWN;
  const size = Math.abs(value);
  if (size < 10) return trim(value, 1);
  if (size < 1_000) return trim(value, 0);
  if (size < 10_000) return count(value);
  if (size < 999_500) return `${trim(value / 1e3, size < 99_950 ? 1 : 0)}${GAP}k`;
  return `${trim(value / 1e6, size < 99_950_000 ? 1 : 0)}${GAP}M`;
}

/** 1.2 ms, 15 ms, 1.4 s */
export function milliseconds(value: Maybe): string {
  if (!known(value)) return UNKNOWN;
  if (value < 10) return `${trim(value, 1)}${GAP}ms`;
  if (value < 1_000) return `${trim(value, 0)}${GAP}ms`;
  return `${trim(value / 1_000, 1)}${GAP}s`;
}

/** 45 s, 3 min, 2 h 5 min, 4 d */
export function duration(seconds: Maybe): string {
  if (!known(seconds)) return UNKNOWN;
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole}${GAP}s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes}${GAP}min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours}${GAP}h${minutes % 60 > 0 ? `${GAP}${minutes % 60}${GAP}min` : ""}`;
  return `${Math.floor(hours / 24)}${GAP}d`;
}

/** 512 B, 1.5 KiB, 3.2 MiB */
export function bytes(value: Maybe): string {
  if (!known(value)) return UNKNOWN;
  if (value < 1_024) return `${value}${GAP}B`;
  if (value < 1_024 ** 2) return `${trim(value / 1_024, 1)}${GAP}KiB`;
  if (value < 1_024 ** 3) return `${trim(value / 1_024 ** 2, 1)}${GAP}MiB`;
  return `${trim(value / 1_024 ** 3, 1)}${GAP}GiB`;
}

function trim(value: number, digits: number): string {
  return value.toLocaleString("en-US", { maximumFractionDigits: digits });
}
