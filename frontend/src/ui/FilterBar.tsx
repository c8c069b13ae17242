// The filter of a list: fields in a row, kept in the URL by whoever shows it. `/` goes to its first field. The fields stay
// when the filter changes, and the focus in them; only their values follow it.
import { type FormEvent, type ReactNode, useEffect, useLayoutEffect, useRef } from "react";
import { Button } from "./Button";

type Values = Record<string, string | undefined>;

interface FilterBarProps {
  /** The filter that holds, by the names of the fields. */
  values: Values;
  children: ReactNode;
  apply: (values: Record<string, string>) => void;
  clear: () => void;
}

export function FilterBar({ values, children, apply, clear }: FilterBarProps) {
  const form = useRef<HTMLFormElement>(null);
  const [wanted, shown] = [JSON.stringify(values), useRef<Values>({})];
  useLayoutEffect(() => {
    const now: Values = JSON.parse(wanted);
    fill(form.current, shown.current, now);
    shown.current = now;
  }, [wanted, shown]);
  useEffect(() => {
    const focus = (event: KeyboardEvent) => {
      const typing =
        event.target instanceof HTMLElement && event.target.closest("input, textarea, select, [role=dialog]");
      if (event.key !== "/" || typing || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      form.current?.querySelector("input")?.focus();
    };
    document.addEventListener("keydown", focus);
    return () => document.removeEventListener("keydown", focus);
  }, []);
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const pairs = [...new FormData(event.currentTarget)].map(([name, value]) => [name, String(value).trim()]);
    apply(Object.fromEntries(pairs));
  };
  return (
    <search>
      <form
        ref={form}
        onSubmit={submit}
        className="flex flex-wrap items-end gap-3 border-b border-line px-4 py-3"
      >
        {children}
        <div className="flex gap-2">
          <Button look="main" type="submit">
            Find
          </Button>
          <Button
            look="quiet"
            onClick={() => {
              form.current?.reset();
              clear();
            }}
          >
            Clear
          </Button>
        </div>
      </form>
    </search>
  );
}

/** Puts what has changed into the fields; what is being typed in others stays. */
function fill(form: HTMLFormElement | null, before: Values, now: Values): void {
  for (const field of form?.querySelectorAll<HTMLInputElement | HTMLSelectElement>("input, select") ?? [])
    if (now[field.name] !== before[field.name]) field.value = now[field.name] ?? "";
}
