// The filter of a list: fields in a row, kept in the URL by whoever shows it. `/` goes to its first field.
import { type FormEvent, type ReactNode, useEffect, useRef } from "react";
import { Button } from "./Button";

interface FilterBarProps {
  children: ReactNode;
  apply: (values: Record<string, string>) => void;
  clear: () => void;
}

export function FilterBar({ children, apply, clear }: FilterBarProps) {
  const form = useRef<HTMLFormElement>(null);
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
          <Button look="quiet" onClick={clear}>
            Clear
          </Button>
        </div>
      </form>
    </search>
  );
}
