// Details from the side. Radix keeps the focus in it, closes it on Escape and gives the focus back. Its own overlay is
// left out: that writes a style sheet into the page, which the Content-Security-Policy refuses.
import { X } from "lucide-react";
import { Dialog } from "radix-ui";
import type { ReactNode } from "react";
import { Button } from "./Button";
import { useFocus } from "./focus";

interface DrawerProps {
  title: ReactNode;
  about: string;
  open: boolean;
  close: () => void;
  /** What it shows would be lost: only its own buttons close it, no slip of the hand. */
  held?: boolean;
  children: ReactNode;
  /** Buttons at the foot. */
  actions?: ReactNode;
}

export function Drawer({ title, about, open, close, held = false, children, actions }: DrawerProps) {
  const focus = useFocus();
  const hold = (event: Event) => held && event.preventDefault();
  return (
    <Dialog.Root open={open} onOpenChange={(next) => !next && close()}>
      <Dialog.Portal>
        <div className="fixed inset-0 z-40 bg-shade" aria-hidden />
        <Dialog.Content
          {...focus}
          onEscapeKeyDown={hold}
          onInteractOutside={hold}
          className="fixed inset-y-0 right-0 z-50 flex w-full max-w-xl flex-col border-l border-line bg-surface shadow-float outline-none"
        >
          <header className="flex items-start justify-between gap-4 border-b border-line px-5 py-3">
            <div className="min-w-0">
              <Dialog.Title className="text-base font-semibold wrap-anywhere">{title}</Dialog.Title>
              <Dialog.Description className="wrap-anywhere text-soft">{about}</Dialog.Description>
            </div>
            <Dialog.Close asChild>
              <Button look="quiet" aria-label="Close" className="px-1.5">
                <X size={16} aria-hidden />
              </Button>
            </Dialog.Close>
          </header>
          <div className="flex-1 overflow-y-auto overscroll-contain px-5 py-4">{children}</div>
          {actions && (
            <footer className="flex flex-wrap justify-end gap-2 border-t border-line px-5 py-3">
              {actions}
            </footer>
          )}
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}
