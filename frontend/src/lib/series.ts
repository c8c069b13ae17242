// A line through samples, some of which are not known: gaps stay gaps.

export type Value = number | null | undefined;

const known = (value: Value): value is number => typeof value === "number" && Number.isFinite(value);

/** A round number at or above the greatest value, for the top of an axis. */
export function top(values: Value[]): number {
  const greatest = Math.max(0, ...values.filter(known));
  if (greatest === 0) return 1;
  const power = 10 ** Math.floor(Math.log10(greatest));
  const step = [1, 2, 2.5, 5, 10].find((step) => step * power >= greatest) ?? 10;
  return step * power;
}

/**
 * SVG paths of a series in a box of `width` × `height`, its last value at the right edge, `slots` values wide: a short
 * history starts in the middle and does not stretch.
 */
export function path(values: Value[], slots: number, width: number, height: number, max: number) {
  const step = width / Math.max(1, slots - 1);
  const first = width - step * (values.length - 1);
  let line = "";
  let area = "";
  let run: [number, number][] = [];
  const end = () => {
    const [from, to] = [run[0], run[run.length - 1]];
    if (from && to) {
      const points = run.map(([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`);
      // A lone value between gaps is a dot: a line of no length with round ends.
      line += `M${points.join("L")}${run.length === 1 ? `L${points[0]}` : ""}`;
      area += `M${from[0].toFixed(1)} ${height}L${points.join("L")}L${to[0].toFixed(1)} ${height}Z`;
    }
    run = [];
  };
  values.forEach((value, n) => {
    if (known(value)) run.push([first + n * step, height - (Math.min(value, max) / max) * height]);
    else end();
  });
  end();
  return { line, area };
}

/** The last value that is known. */
export function last(values: Value[]): number | undefined {
  return values.filter(known).at(-1);
}
