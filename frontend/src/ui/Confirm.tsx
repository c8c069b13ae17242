// A question before what cannot be undone: the name is typed, so that no habit of clicking answers it.
import { AlertDialog } from "radix-ui";
import { type FormEvent, type ReactNode, useState } from "react";
import { words } from "@/api/problem";
import { Button } from "./Button";
import { TextField } from "./Field";
import { useFocus } from "./focus";
import { Notice } from "./Status";

interface ConfirmProps {
  title: string;
  /** What happens, and what does not come back. */
  children: ReactNode;
  /** What is to be typed. */
  name: string;
  action: string;
  busy: boolean;
  error: unknown;
  confirm: () => void;
  close: () => void;
}

/** Blanks at the ends are not seen, and several look like one: they are not asked for. */
function seen(text: string): string {
  return text.trim().replace(/\s+/g, " ");
}

export function Confirm({ title, children, name, action, busy, error, confirm, close }: ConfirmProps) {
  const [typed, setTyped] = useState("");
  const focus = useFocus();
  // Of a name of blanks alone nothing could be typed.
  const wanted = seen(name) || "yes";
  const matches = seen(typed) === wanted;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (matches && !busy) confirm();
  };
  return (
    <AlertDialog.Root open onOpenChange={(next) => !next && close()}>
      <AlertDialog.Portal>
        <div className="fixed inset-0 z-60 bg-shade" aria-hidden />
        <AlertDialog.Content
          aria-modal
          {...focus}
          className="fixed top-1/2 left-1/2 z-70 w-[min(28rem,calc(100vw-2rem))] -translate-x-1/2 -translate-y-1/2 rounded-md border border-line bg-surface p-5 shadow-float outline-none"
        >
          <form onSubmit={submit} className="flex flex-col gap-3">
            <AlertDialog.Title className="text-base font-semibold">{title}</AlertDialog.Title>
            <AlertDialog.Description asChild>
              <div className="text-soft">{children}</div>
            </AlertDialog.Description>
            <TextField
              label={`Type ${wanted} to go on`}
              data-first
              value={typed}
              autoComplete="off"
              spellCheck={false}
              onChange={(event) => setTyped(event.target.value)}
            />
            {error ? <Notice state="bad">{words(error)}</Notice> : null}
            <div className="flex flex-wrap justify-end gap-2">
              <AlertDialog.Cancel asChild>
                <Button>Cancel</Button>
              </AlertDialog.Cancel>
              <Button look="danger" type="submit" busy={busy} disabled={!matches}>
                {action}
              </Button>
            </div>
          </form>
        </AlertDialog.Content>
      </AlertDialog.Portal>
    </AlertDialog.Root>
  );
}
