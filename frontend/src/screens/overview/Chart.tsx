// Lines over the last 15 minutes, with an axis, a reading under the pointer, and the same numbers as a table.
import { type PointerEvent, useState } from "react";
import type { Sample } from "@/api/queries";
import { short } from "@/lib/format";
import { path, top, type Value } from "@/lib/series";
import { clock } from "@/lib/time";
import { usePreferences } from "@/shell/Preferences";
import { Card } from "@/ui/Card";
import { cn } from "@/ui/cn";
import { Table } from "@/ui/Table";

const WIDTH = 600;
const HEIGHT = 140;
/** The table has one row a minute. */
const ROW_SECONDS = 60;

interface Line {
  name: string;
  pick: (sample: Sample) => Value;
  look: "main" | "second";
}

interface ChartProps {
  title: string;
  unit: string;
  samples: Sample[];
  slots: number;
  lines: Line[];
}

const STROKES = { main: "stroke-accent", second: "stroke-warn [stroke-dasharray:5_3]" };

export function Chart({ title, unit, samples, slots, lines }: ChartProps) {
  const [at, setAt] = useState<number>();
  const max = top(lines.flatMap((line) => samples.map(line.pick)));
  const drawn = lines.map((line) => ({
    ...line,
    ...path(samples.map(line.pick), slots, WIDTH, HEIGHT, max),
  }));
  const point = (event: PointerEvent<SVGSVGElement>) => {
    const box = event.currentTarget.getBoundingClientRect();
    const slot = Math.round(((event.clientX - box.left) / box.width) * (slots - 1));
    setAt(slot - (slots - samples.length));
  };
  const under = at === undefined ? undefined : samples[at];
  return (
    <Card
      title={title}
      aside={<Legend lines={lines} sample={under ?? samples.at(-1)} unit={unit} now={!under} />}
    >
      <div className="p-4 pb-2">
        <div className="relative pl-11">
          {[1, 0.5, 0].map((part) => (
            <div
              key={part}
              className="pointer-events-none absolute inset-x-0 text-xs text-soft"
              style={{ top: `${(1 - part) * 100}%` }}
            >
              <span className="absolute top-0 w-9 -translate-y-1/2 text-right">{short(max * part)}</span>
              <span className="absolute top-0 right-0 left-11 border-t border-line" />
            </div>
          ))}
          <svg
            viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
            preserveAspectRatio="none"
            className="relative block h-36 w-full overflow-visible"
            onPointerMove={point}
            onPointerLeave={() => setAt(undefined)}
            aria-hidden
          >
            {drawn.map((line) => (
              <g key={line.name}>
                {line.look === "main" && <path d={line.area} className="fill-accent-soft" opacity={0.6} />}
                <path
                  d={line.line}
                  fill="none"
                  className={STROKES[line.look]}
                  strokeWidth="1.75"
                  strokeLinecap="round"
                  strokeLinejoin="round"
                  vectorEffect="non-scaling-stroke"
                />
              </g>
            ))}
            {under && at !== undefined && (
              <line
                x1={((at + slots - samples.length) / (slots - 1)) * WIDTH}
                x2={((at + slots - samples.length) / (slots - 1)) * WIDTH}
                y1={0}
                y2={HEIGHT}
                className="stroke-line-strong"
                vectorEffect="non-scaling-stroke"
              />
            )}
          </svg>
        </div>
        <div className="flex justify-between pt-2 pl-11 text-xs text-soft">
          <span>15 min ago</span>
          <span>now</span>
        </div>
      </div>
      <TableTwin title={title} unit={unit} samples={samples} lines={lines} />
    </Card>
  );
}

function Legend({
  lines,
  sample,
  unit,
  now,
}: {
  lines: Line[];
  sample?: Sample | undefined;
  unit: string;
  now: boolean;
}) {
  const { zone } = usePreferences();
  return (
    <ul className="flex flex-wrap gap-x-4">
      {lines.map((line) => (
        <li key={line.name} className="flex items-center gap-1.5">
          <svg width="16" height="4" aria-hidden>
            <line x1="0" x2="16" y1="2" y2="2" strokeWidth="2" className={STROKES[line.look]} />
          </svg>
          {line.name}
          <span className="font-medium text-text">{sample ? short(line.pick(sample)) : "–"}</span> {unit}
        </li>
      ))}
      {!now && sample && <li>at {clock(new Date(sample.at).getTime(), zone)}</li>}
    </ul>
  );
}

function TableTwin({ title, unit, samples, lines }: Omit<ChartProps, "slots">) {
  const { zone } = usePreferences();
  let before = Number.POSITIVE_INFINITY;
  const rows = samples.toReversed().filter((sample) => {
    const at = new Date(sample.at).getTime() / 1000;
    if (before - at < ROW_SECONDS) return false;
    before = at;
    return true;
  });
  return (
    <details className="border-t border-line text-xs">
      <summary className={cn("cursor-pointer px-4 py-2 text-soft hover:text-text")}>As a table</summary>
      <Table
        label={`${title}, by minute`}
        stacks={false}
        rows={rows}
        id={(sample) => sample.at}
        columns={[
          { head: "Time", cell: (sample) => clock(new Date(sample.at).getTime(), zone) },
          ...lines.map((line) => ({
            head: `${line.name} (${unit})`,
            cell: (sample: Sample) => short(line.pick(sample)),
            numeric: true,
          })),
        ]}
      />
    </details>
  );
}
