// Changing a person: address, role, password, and whether they may sign in.
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type FormEvent, useId, useState } from "react";
import { api, ask } from "@/api/client";
import { faultAt, words } from "@/api/problem";
import type { User } from "@/api/queries";
import type { components } from "@/api/schema";
import { Button } from "@/ui/Button";
import { Drawer } from "@/ui/Drawer";
import { CheckField, PASSWORD, TextField } from "@/ui/Field";
import { Notice } from "@/ui/Status";
import { difference } from "./change";
import { RoleField } from "./roles";

interface ChangePersonProps {
  person: User;
  /** It is who is signed in. */
  own: boolean;
  close: () => void;
}

export function ChangePerson({ person, own, close }: ChangePersonProps) {
  const queries = useQueryClient();
  const form = useId();
  const [nothing, setNothing] = useState(false);
  const update = useMutation({
    mutationFn: (body: components["schemas"]["UpdateUser"]) =>
      ask(api.PATCH("/api/v1/users/{id}", { params: { path: { id: person.id } }, body })),
    onSuccess: async () => {
      const asked = own ? [["people"], ["me"]] : [["people"]];
      await Promise.all(asked.map((queryKey) => queries.invalidateQueries({ queryKey })));
      close();
    },
  });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const data = new FormData(event.currentTarget);
    const change = difference(person, {
      email: String(data.get("email")),
      role: String(data.get("role")),
      disabled: data.has("disabled"),
      password: String(data.get("password") ?? ""),
    });
    setNothing(!change);
    if (change) update.mutate(change);
  };
  const [email, password] = [faultAt(update.error, "/email"), faultAt(update.error, "/password")];
  return (
    <Drawer
      open
      close={close}
      title={own ? "Change yourself" : "Change this person"}
      about={person.email}
      actions={
        <>
          <Button onClick={close}>Cancel</Button>
          <Button look="main" type="submit" form={form} busy={update.isPending}>
            Save
          </Button>
        </>
      }
    >
      <form id={form} onSubmit={submit} onChange={() => setNothing(false)} className="flex flex-col gap-5">
        <TextField
          label="E-mail"
          name="email"
          defaultValue={person.email}
          inputMode="email"
          maxLength={254}
          autoComplete="off"
          autoCapitalize="none"
          spellCheck={false}
          required
          fault={email}
        />
        <RoleField role={person.role} />
        {own ? (
          <p className="text-soft">
            Your own password is changed under{" "}
            <Link to="/settings" className="text-accent underline">
              Settings
            </Link>
            .
          </p>
        ) : (
          <TextField
            label="New password"
            {...PASSWORD}
            hint="Leave it empty to keep the present one. A new one signs them out everywhere"
            fault={password}
          />
        )}
        <CheckField
          name="disabled"
          label="Disabled"
          hint="may not sign in, and is signed out everywhere within a second. Unticked, they sign in again with their password"
          defaultChecked={person.disabled}
        />
        {nothing && <Notice state="info">Nothing is different yet.</Notice>}
        {update.error && !email && !password && <Notice state="bad">{words(update.error)}</Notice>}
      </form>
    </Drawer>
  );
}
