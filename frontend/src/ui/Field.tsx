// Inputs with their label, hint and fault.
import { type ComponentProps, type ReactNode, useId } from "react";
import { cn } from "./cn";

const BOX =
  "min-h-8 w-full min-w-0 rounded-md border border-line-strong/60 bg-surface px-2.5 py-1 text-sm text-text disabled:cursor-not-allowed disabled:bg-sunken max-md:min-h-10";

interface FieldProps {
  label: string;
  hint?: ReactNode;
  fault?: string | undefined;
}

export function TextField({ label, hint, fault, className, ...rest }: FieldProps & ComponentProps<"input">) {
  const id = useId();
  const about = hint || fault ? `${id}-about` : undefined;
  return (
    <div className={cn("flex min-w-0 flex-col gap-1", className)}>
      <label htmlFor={id} className="text-xs font-medium wrap-anywhere text-soft">
        {label}
      </label>
      <input
        id={id}
        aria-describedby={about}
        aria-invalid={fault ? true : undefined}
        className={cn(BOX, fault && "border-bad")}
        {...rest}
      />
      {about && (
        <p id={about} className={cn("text-xs", fault ? "text-bad" : "text-soft")}>
          {fault ?? hint}
        </p>
      )}
    </div>
  );
}

/** A password to be chosen: no browser fills it in. Its bytes are counted by the API. */
export const PASSWORD = {
  name: "password",
  type: "password",
  maxLength: 256,
  autoComplete: "new-password",
} as const;

export function SelectField({
  label,
  hint,
  fault,
  className,
  children,
  ...rest
}: FieldProps & ComponentProps<"select">) {
  const id = useId();
  return (
    <div className={cn("flex min-w-0 flex-col gap-1", className)}>
      <label htmlFor={id} className="text-xs font-medium text-soft">
        {label}
      </label>
      <select id={id} className={BOX} {...rest}>
        {children}
      </select>
      {(hint || fault) && <p className={cn("text-xs", fault ? "text-bad" : "text-soft")}>{fault ?? hint}</p>}
    </div>
  );
}

export function CheckField({
  label,
  hint,
  ...rest
}: { label: string; hint: string } & ComponentProps<"input">) {
  return (
    <label className="flex items-start gap-2.5 py-1">
      <input type="checkbox" className="mt-0.5 size-4 accent-(--accent)" {...rest} />
      <span>
        <span className="font-medium">{label}</span> <span className="text-soft">{hint}</span>
      </span>
    </label>
  );
}
