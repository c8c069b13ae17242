// A box with a heading: the unit of every screen.
import { type ReactNode, useEffect } from "react";
import { cn } from "./cn";

interface CardProps {
  title?: ReactNode;
  /** What stands at the right of the heading. */
  aside?: ReactNode;
  className?: string;
  children: ReactNode;
}

export function Card({ title, aside, className, children }: CardProps) {
  return (
    <section className={cn("min-w-0 rounded-md border border-line bg-surface shadow-lift", className)}>
      {title && (
        <header className="flex min-h-10 flex-wrap items-center justify-between gap-x-4 gap-y-1 border-b border-line px-4 py-2">
          <h2 className="text-sm font-semibold">{title}</h2>
          {aside && <div className="text-xs text-soft">{aside}</div>}
        </header>
      )}
      {children}
    </section>
  );
}

/** The heading of a screen: what it is, what it is for, what one can do. The browser's tab is named after it. */
export function PageHead({ title, lead, children }: { title: string; lead: string; children?: ReactNode }) {
  useEffect(() => {
    document.title = `${title} · EventPipeline`;
  }, [title]);
  return (
    <div className="mb-4 flex flex-wrap items-end justify-between gap-x-6 gap-y-3">
      <div className="min-w-0">
        <h1 className="text-lg font-semibold tracking-tight">{title}</h1>
        <p className="text-soft">{lead}</p>
      </div>
      {children && <div className="flex flex-wrap items-center gap-2">{children}</div>}
    </div>
  );
}
