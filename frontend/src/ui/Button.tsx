// The button, in three weights. While it works it says so and takes no second click.
import { LoaderCircle } from "lucide-react";
import type { ComponentProps } from "react";
import { cn } from "./cn";

const LOOKS = {
  plain: "border-line-strong/50 bg-surface text-text hover:bg-sunken",
  main: "border-accent bg-accent text-on-accent hover:bg-accent-strong hover:border-accent-strong",
  danger: "border-bad/60 bg-surface text-bad hover:bg-bad-soft",
  quiet: "border-transparent text-soft hover:bg-sunken hover:text-text",
};

export type ButtonProps = ComponentProps<"button"> & { look?: keyof typeof LOOKS; busy?: boolean };

export function Button({
  look = "plain",
  busy = false,
  className,
  children,
  disabled,
  ...rest
}: ButtonProps) {
  return (
    <button
      type="button"
      disabled={disabled || busy}
      aria-busy={busy || undefined}
      className={cn(
        "inline-flex min-h-8 items-center justify-center gap-1.5 rounded-md border px-3 py-1 text-sm font-medium",
        "whitespace-nowrap transition-colors disabled:cursor-not-allowed disabled:opacity-60 max-md:min-h-10",
        LOOKS[look],
        className,
      )}
      {...rest}
    >
      {busy && <LoaderCircle size={14} className="animate-spin" aria-hidden />}
      {children}
    </button>
  );
}
