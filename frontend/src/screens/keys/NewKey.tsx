// Making a key, and showing it this once.
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useId } from "react";
import { api, ask } from "@/api/client";
import { faultAt, words } from "@/api/problem";
import type { components } from "@/api/schema";
import { Button } from "@/ui/Button";
import { CopyBlock } from "@/ui/Copy";
import { Drawer } from "@/ui/Drawer";
import { CheckField, TextField } from "@/ui/Field";
import { Notice } from "@/ui/Status";

type Scope = components["schemas"]["ScopeName"];

const SCOPES: [Scope, string][] = [
  ["ingest", "send events"],
  ["read", "read events, dead letters and figures"],
  ["admin", "replay and discard, manage keys and people"],
];

export function NewKey({ close }: { close: () => void }) {
  const queries = useQueryClient();
  const form = useId();
  const create = useMutation({
    mutationFn: (body: components["schemas"]["CreateKey"]) => ask(api.POST("/api/v1/keys", { body })),
    // Not waited for: the key is shown whatever the list does.
    onSuccess: () => void queries.invalidateQueries({ queryKey: ["keys"] }),
  });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const data = new FormData(event.currentTarget);
    const [name, rate] = [String(data.get("name")).trim(), String(data.get("rate")).trim()];
    create.mutate({
      scopes: SCOPES.map(([scope]) => scope).filter((scope) => data.has(scope)),
      ...(name ? { name } : {}),
      ...(rate ? { rateEventsPerSecond: Number(rate) } : {}),
    });
  };
  const fault = (field: string) => faultAt(create.error, `/${field}`);
  const placed = fault("name") ?? fault("rateEventsPerSecond");
  return (
    <Drawer
      open
      close={() => !create.isPending && close()}
      held={create.isPending || !!create.data}
      title={create.data ? "Your new key" : "New API key"}
      about={create.data ? (create.data.name ?? "without a name") : "For one program"}
      actions={
        create.data ? (
          <Button look="main" onClick={close}>
            I have it
          </Button>
        ) : (
          <>
            <Button disabled={create.isPending} onClick={close}>
              Cancel
            </Button>
            <Button look="main" type="submit" form={form} busy={create.isPending}>
              Make the key
            </Button>
          </>
        )
      }
    >
      {create.data ? (
        <div className="flex flex-col gap-4">
          <Notice state="warn">
            Copy it now. It is shown this once: only its hash is stored, and nobody can look it up again.
          </Notice>
          <CopyBlock text={create.data.key} label="The new API key" />
          <p className="text-soft">
            It is sent as the header <code className="font-mono">X-Api-Key</code>, works at once, and may{" "}
            {create.data.scopes.join(", ")}.
          </p>
        </div>
      ) : (
        <form id={form} onSubmit={submit} className="flex flex-col gap-5">
          <TextField
            label="Name"
            name="name"
            data-first
            maxLength={100}
            autoComplete="off"
            hint="What it is for, such as “checkout service”"
            fault={fault("name")}
          />
          <fieldset>
            <legend className="pb-1 text-xs font-medium text-soft">What it may do</legend>
            {SCOPES.map(([scope, hint]) => (
              <CheckField
                key={scope}
                name={scope}
                label={scope}
                hint={hint}
                defaultChecked={scope === "ingest"}
              />
            ))}
          </fieldset>
          <TextField
            label="Rate, in events per second"
            name="rate"
            type="number"
            min={1}
            step={1}
            hint="Leave it empty for the rate that the pipeline sets for all keys"
            fault={fault("rateEventsPerSecond")}
          />
          {create.error && !placed && <Notice state="bad">{words(create.error)}</Notice>}
        </form>
      )}
    </Drawer>
  );
}
