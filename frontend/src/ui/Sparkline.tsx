// The last 15 minutes as one line, without axes: the shape beside a number. Decoration; the number says it.
import { path, top, type Value } from "@/lib/series";

const WIDTH = 120;
const HEIGHT = 28;

export function Sparkline({ values, slots }: { values: Value[]; slots: number }) {
  const { line, area } = path(values, slots, WIDTH, HEIGHT, top(values));
  return (
    <svg
      viewBox={`0 -1.5 ${WIDTH} ${HEIGHT + 3}`}
      preserveAspectRatio="none"
      aria-hidden
      className="h-8 w-full overflow-visible"
    >
      <path d={area} className="fill-accent-soft" />
      <path
        d={line}
        fill="none"
        className="stroke-accent"
        strokeWidth="1.5"
        strokeLinecap="round"
        strokeLinejoin="round"
        vectorEffect="non-scaling-stroke"
      />
    </svg>
  );
}
