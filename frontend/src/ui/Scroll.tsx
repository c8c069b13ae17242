// What may be wider than its place: it scrolls by itself, by keyboard too, and the page never does.
import type { ReactNode } from "react";
import { cn } from "./cn";

export function Scroll({
  label,
  className,
  children,
}: {
  label: string;
  className?: string;
  children: ReactNode;
}) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <section aria-label={label} tabIndex={0} className={cn("overflow-x-auto", className)}>
      {children}
    </section>
  );
}

/** JSON as it was sent, indented. */
export function Json({ value, label }: { value: unknown; label: string }) {
  return (
    <Scroll label={label} className="rounded-md bg-sunken p-3">
      <pre className="font-mono text-xs">{JSON.stringify(value, null, 2)}</pre>
    </Scroll>
  );
}
