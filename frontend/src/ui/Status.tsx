// A state: an icon and a word beside the colour, never the colour alone.
import { CircleAlert, CircleCheck, CircleHelp, CircleOff, Info, TriangleAlert } from "lucide-react";
import type { ReactNode } from "react";
import { cn } from "./cn";

const STATES = {
  ok: { Icon: CircleCheck, colour: "text-ok bg-ok-soft" },
  warn: { Icon: TriangleAlert, colour: "text-warn bg-warn-soft" },
  bad: { Icon: CircleAlert, colour: "text-bad bg-bad-soft" },
  unknown: { Icon: CircleHelp, colour: "text-unknown bg-unknown-soft" },
  off: { Icon: CircleOff, colour: "text-unknown bg-unknown-soft" },
  info: { Icon: Info, colour: "text-accent bg-accent-soft" },
};

export type State = keyof typeof STATES;

export function Status({
  state,
  children,
  className,
}: {
  state: State;
  children: ReactNode;
  className?: string;
}) {
  const { Icon, colour } = STATES[state];
  return (
    <span
      className={cn(
        "inline-flex max-w-full items-center gap-1 rounded-full px-2 py-0.5 text-xs font-medium whitespace-nowrap",
        colour,
        className,
      )}
    >
      <Icon size={13} aria-hidden className="shrink-0" />
      <span className="truncate">{children}</span>
    </span>
  );
}

/** A sentence that must be seen, with what can be done about it; `unsaid` before it is seen and not read out. */
export function Notice({
  state,
  unsaid,
  children,
  action,
}: {
  state: State;
  unsaid?: ReactNode;
  children: ReactNode;
  action?: ReactNode;
}) {
  const { Icon, colour } = STATES[state];
  return (
    <div className={cn("flex flex-wrap items-center gap-x-3 gap-y-2 rounded-md px-3 py-2", colour)}>
      <Icon size={16} aria-hidden className="shrink-0" />
      <div className="min-w-0 flex-1 basis-48 break-words">
        {unsaid}
        <div role={state === "bad" ? "alert" : "status"}>{children}</div>
      </div>
      {action}
    </div>
  );
}
