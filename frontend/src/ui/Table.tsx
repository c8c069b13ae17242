// A table that people read all day: dense, its heading in sight, never wider than the page without its own scrolling.
import type { ReactNode } from "react";
import { cn } from "./cn";
import { Scroll } from "./Scroll";

export interface Column<Row> {
  head: string;
  cell: (row: Row) => ReactNode;
  /** Right-aligned. */
  numeric?: boolean;
  className?: string;
}

interface TableProps<Row> {
  label: string;
  columns: Column<Row>[];
  rows: Row[];
  id: (row: Row) => string;
  selected?: string | undefined;
  /** The rows are the answer to the question before: that of now is on its way. */
  former?: boolean;
  /** On a narrow screen each row becomes a block of names and values; a table of few numbers stays one. */
  stacks?: boolean;
}

const STACKED =
  "max-sm:flex max-sm:items-baseline max-sm:gap-3 max-sm:py-1 max-sm:text-left max-sm:before:w-24 max-sm:before:shrink-0 max-sm:before:text-xs max-sm:before:text-soft max-sm:before:content-[attr(data-head)]";

export function Table<Row>({
  label,
  columns,
  rows,
  id,
  selected,
  former = false,
  stacks = true,
}: TableProps<Row>) {
  return (
    <Scroll label={label}>
      <table
        aria-busy={former || undefined}
        className={cn("w-full border-collapse text-left", former && "opacity-50")}
      >
        <thead className={cn(stacks && "max-sm:sr-only")}>
          <tr className="border-b border-line text-xs text-soft">
            {columns.map((column) => (
              <th
                key={column.head}
                scope="col"
                className={cn(
                  "px-4 py-2 font-medium whitespace-nowrap",
                  column.numeric && "text-right",
                  column.className,
                )}
              >
                {column.head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr
              key={id(row)}
              className={cn(
                "border-b border-line last:border-0 hover:bg-sunken/60",
                stacks && "max-sm:block max-sm:py-2",
                selected === id(row) && "bg-accent-soft",
              )}
            >
              {columns.map((column) => (
                <td
                  key={column.head}
                  data-head={column.head}
                  className={cn(
                    "px-4 py-2 align-baseline",
                    column.numeric && "text-right whitespace-nowrap",
                    stacks && STACKED,
                    column.className,
                  )}
                >
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}
