// Text to be copied: shown whole, and copied with one click.
import { Check, Copy as CopyIcon } from "lucide-react";
import { useEffect, useState } from "react";
import { Button } from "./Button";
import { Scroll } from "./Scroll";

const SAID_MS = 2_000;

export function CopyButton({ text, label = "Copy" }: { text: string; label?: string }) {
  const [state, setState] = useState<"idle" | "done" | "refused">("idle");
  useEffect(() => {
    if (state === "idle") return;
    const timer = setTimeout(() => setState("idle"), SAID_MS);
    return () => clearTimeout(timer);
  }, [state]);
  const copy = async () => {
    try {
      // Over plain HTTP from another host browsers have no clipboard.
      await navigator.clipboard.writeText(text);
      setState("done");
    } catch {
      setState("refused");
    }
  };
  return (
    <Button onClick={copy} aria-live="polite">
      {state === "done" ? <Check size={14} aria-hidden /> : <CopyIcon size={14} aria-hidden />}
      {state === "done" ? "Copied" : state === "refused" ? "Select it and copy by hand" : label}
    </Button>
  );
}

/** A command or a secret, with its button. */
export function CopyBlock({ text, label }: { text: string; label: string }) {
  return (
    <div className="rounded-md border border-line bg-sunken">
      <Scroll label={label} className="p-3">
        <pre className="font-mono text-xs">{text}</pre>
      </Scroll>
      <div className="flex justify-end border-t border-line p-2">
        <CopyButton text={text} />
      </div>
    </div>
  );
}
