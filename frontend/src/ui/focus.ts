// Where the focus goes when something opens over the page, and that it comes back when that closes.
import { useRef } from "react";

/** Handlers for the content of a Radix dialog that is opened by state and has no trigger of its own. */
export function useFocus() {
  const before = useRef<Element>(null);
  return {
    /** To the field that is marked `data-first`, else to the dialog itself: never to its close button. */
    onOpenAutoFocus: (event: Event) => {
      before.current = document.activeElement;
      event.preventDefault();
      const content = event.currentTarget as HTMLElement;
      (content.querySelector<HTMLElement>("[data-first]") ?? content).focus();
    },
    onCloseAutoFocus: (event: Event) => {
      event.preventDefault();
      if (before.current instanceof HTMLElement) before.current.focus();
    },
  };
}
