// Making a person.
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useId } from "react";
import { api, ask } from "@/api/client";
import { faultAt, words } from "@/api/problem";
import type { components } from "@/api/schema";
import { Button } from "@/ui/Button";
import { Drawer } from "@/ui/Drawer";
import { PASSWORD, TextField } from "@/ui/Field";
import { Notice } from "@/ui/Status";
import { RoleField } from "./roles";

export function NewPerson({ close }: { close: () => void }) {
  const queries = useQueryClient();
  const form = useId();
  const create = useMutation({
    mutationFn: (body: components["schemas"]["CreateUser"]) => ask(api.POST("/api/v1/users", { body })),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ["people"] });
      close();
    },
  });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const data = new FormData(event.currentTarget);
    create.mutate({
      email: String(data.get("email")).trim(),
      password: String(data.get("password")),
      role: data.get("role") === "admin" ? "admin" : "viewer",
    });
  };
  const [email, password] = [faultAt(create.error, "/email"), faultAt(create.error, "/password")];
  return (
    <Drawer
      open
      close={close}
      title="New person"
      about="They can sign in at once. Nothing is sent to the address: give them the password yourself."
      actions={
        <>
          <Button onClick={close}>Cancel</Button>
          <Button look="main" type="submit" form={form} busy={create.isPending}>
            Make the person
          </Button>
        </>
      }
    >
      <form id={form} onSubmit={submit} className="flex flex-col gap-5">
        <TextField
          label="E-mail"
          name="email"
          data-first
          inputMode="email"
          maxLength={254}
          autoComplete="off"
          autoCapitalize="none"
          spellCheck={false}
          required
          fault={email}
        />
        <TextField
          label="Password"
          {...PASSWORD}
          required
          hint="8 to 256 bytes. They can take another one under Settings"
          fault={password}
        />
        <RoleField />
        {create.error && !email && !password && <Notice state="bad">{words(create.error)}</Notice>}
      </form>
    </Drawer>
  );
}
