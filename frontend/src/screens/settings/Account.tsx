// Who one is here, and one's own password.
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useRef, useState } from "react";
import { api, ask } from "@/api/client";
import { useIsReadOnly } from "@/api/may";
import { faultAt, words } from "@/api/problem";
import { me } from "@/api/queries";
import type { components } from "@/api/schema";
import { ROLES } from "@/screens/people/roles";
import { Button } from "@/ui/Button";
import { Card } from "@/ui/Card";
import { PASSWORD, TextField } from "@/ui/Field";
import { Notice, Status } from "@/ui/Status";

export function Account() {
  const { data } = useQuery(me);
  return (
    <Card
      title="Your account"
      aside={
        data && (
          <>
            {data.email}, {ROLES[data.role].name.toLowerCase()}
          </>
        )
      }
    >
      <Password email={data?.email} />
    </Card>
  );
}

function Password({ email }: { email: string | undefined }) {
  const queries = useQueryClient();
  const closed = useIsReadOnly();
  const form = useRef<HTMLFormElement>(null);
  const [different, setDifferent] = useState(false);
  const change = useMutation({
    mutationFn: (body: components["schemas"]["OwnPassword"]) =>
      ask(api.POST("/api/v1/auth/password", { body })),
    onSuccess: ({ user }) => {
      queries.setQueryData(me.queryKey, { kind: "person", ...user });
      form.current?.reset();
    },
  });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const data = new FormData(event.currentTarget);
    const [currentPassword, newPassword] = [String(data.get("current")), String(data.get("password"))];
    const same = newPassword === String(data.get("again"));
    setDifferent(!same);
    change.reset();
    if (same) change.mutate({ currentPassword, newPassword });
  };
  const [current, password] = [
    faultAt(change.error, "/currentPassword"),
    faultAt(change.error, "/newPassword"),
  ];
  return (
    <form ref={form} onSubmit={submit} className="grid gap-5 p-4 sm:grid-cols-2">
      {/* Tells a password manager whose password it is. */}
      <input type="text" name="username" autoComplete="username" value={email ?? ""} readOnly hidden />
      <TextField
        label="Present password"
        name="current"
        type="password"
        autoComplete="current-password"
        className="sm:col-span-2"
        required
        disabled={closed}
        fault={current}
      />
      <TextField
        label="New password"
        {...PASSWORD}
        required
        disabled={closed}
        hint="8 to 256 bytes"
        fault={password}
      />
      <TextField
        label="New password, again"
        {...PASSWORD}
        name="again"
        required
        disabled={closed}
        fault={different ? "This is another one than the first time." : undefined}
      />
      {change.error && !current && !password ? (
        <div className="sm:col-span-2">
          <Notice state="bad">{words(change.error)}</Notice>
        </div>
      ) : null}
      {change.data && (
        <div className="sm:col-span-2">
          <Notice state="ok">
            Your password is changed. Wherever else you were signed in, you are no more.
          </Notice>
        </div>
      )}
      <div className="flex flex-wrap items-center gap-3 sm:col-span-2">
        <Button type="submit" busy={change.isPending} disabled={closed}>
          Change the password
        </Button>
        {closed && <Status state="info">The console is read-only</Status>}
      </div>
    </form>
  );
}
