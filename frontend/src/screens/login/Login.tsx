// Signing in.
import { useNavigate, useSearch } from "@tanstack/react-router";
import type { FormEvent } from "react";
import { words } from "@/api/problem";
import { useLogin } from "@/api/session";
import { Button } from "@/ui/Button";
import { TextField } from "@/ui/Field";
import { Notice } from "@/ui/Status";

export function Login() {
  const { next } = useSearch({ from: "/login" });
  const navigate = useNavigate();
  const login = useLogin();
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const [email, password] = [String(form.get("email")), String(form.get("password"))];
    // Only a path of this console: the URL is anybody's to write.
    const target = next?.startsWith("/") && !next.startsWith("//") ? next : "/";
    login.mutate({ email, password }, { onSuccess: () => void navigate({ href: target, replace: true }) });
  };
  return (
    <main className="flex min-h-dvh items-center justify-center p-4">
      <div className="w-full max-w-sm">
        <div className="mb-6 flex items-center gap-3">
          <img src="/favicon.svg" alt="" width={32} height={32} />
          <div>
            <h1 className="text-lg leading-tight font-semibold tracking-tight">EventPipeline</h1>
            <p className="text-soft">Sign in to the console</p>
          </div>
        </div>
        <form
          onSubmit={submit}
          className="flex flex-col gap-4 rounded-md border border-line bg-surface p-5 shadow-lift"
        >
          <TextField
            label="E-mail"
            name="email"
            type="text"
            inputMode="email"
            autoComplete="username"
            autoCapitalize="none"
            spellCheck={false}
            required
          />
          <TextField
            label="Password"
            name="password"
            type="password"
            autoComplete="current-password"
            required
          />
          {login.error && <Notice state="bad">{words(login.error)}</Notice>}
          <Button look="main" type="submit" busy={login.isPending}>
            Sign in
          </Button>
        </form>
        <p className="mt-4 text-xs text-soft">
          The first administrator is on the card of <code className="font-mono">make run</code>; on
          Kubernetes, in the Secret <code className="font-mono">NAME-credentials</code>.
        </p>
      </div>
    </main>
  );
}
