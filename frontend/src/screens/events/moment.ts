// Between a browser's date field, which knows no zone, and RFC 3339, which the API takes: in the zone that the person
// chose, as all times on the page are.
import { exact, type Zone } from "@/lib/time";

/** "2026-01-31T12:00" in Vienna → "2026-01-31T11:00:00.000Z"; nothing for what is no moment. */
export function fromField(text: string | undefined, zone: Zone): string | undefined {
  const wanted = Date.parse(`${text}Z`);
  if (Number.isNaN(wanted)) return undefined;
  // Twice: the zone may have changed its clocks between the first guess and the moment.
  let at = wanted;
  for (let n = 0; n < 2; n += 1) at = wanted - ahead(at, zone);
  return new Date(at).toISOString();
}

/** The other way round, to the second. */
export function toField(text: string | undefined, zone: Zone): string | undefined {
  const at = Date.parse(text ?? "");
  return Number.isNaN(at) ? undefined : wall(at, zone);
}

/** What a clock on the wall shows. */
function wall(at: number, zone: Zone): string {
  return exact(at, zone).slice(0, 19).replace(" ", "T");
}

/** Milliseconds by which the zone's clocks are ahead of UTC. */
function ahead(at: number, zone: Zone): number {
  return Date.parse(`${wall(at, zone)}Z`) - Math.floor(at / 1_000) * 1_000;
}
