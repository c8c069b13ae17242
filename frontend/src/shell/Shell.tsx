// The frame of every screen: navigation, top bar, and the screen itself.
import { Outlet, useNavigate } from "@tanstack/react-router";
import { Dialog } from "radix-ui";
import { useState } from "react";
import { useIsReadOnly } from "@/api/may";
import { words } from "@/api/problem";
import { useKeptSession, useLogout } from "@/api/session";
import { useFocus } from "@/ui/focus";
import { Notice } from "@/ui/Status";
import { Nav } from "./Nav";
import { PreferencesProvider, usePreferences } from "./Preferences";
import { TopBar } from "./TopBar";

export function Shell() {
  const [navOpen, setNavOpen] = useState(false);
  const navigate = useNavigate();
  const logout = useLogout(() => void navigate({ to: "/login" }));
  useKeptSession();
  return (
    <PreferencesProvider>
      <a
        href="#main"
        className="sr-only focus:not-sr-only focus:fixed focus:top-2 focus:left-2 focus:z-90 focus:rounded-md focus:bg-surface focus:p-2"
      >
        Skip to the content
      </a>
      <div className="flex min-h-dvh">
        <aside className="sticky top-0 h-dvh w-52 shrink-0 overflow-y-auto border-r border-line bg-surface px-2.5 py-3 max-md:hidden">
          <Brand />
          <Nav />
        </aside>
        <div className="flex min-w-0 flex-1 flex-col">
          <TopBar openNav={() => setNavOpen(true)} signOut={logout.mutate} />
          <main id="main" className="w-full max-w-[110rem] min-w-0 flex-1 p-4 md:p-6">
            <NotDone what="You are still signed in." error={logout.error} />
            <NotKept />
            <ReadOnly />
            <Outlet />
          </main>
        </div>
      </div>
      <NarrowNav open={navOpen} close={() => setNavOpen(false)} />
    </PreferencesProvider>
  );
}

/** What was asked for in the top bar and did not come about. */
function NotDone({ what, error }: { what: string; error: unknown }) {
  if (!error) return null;
  return (
    <div className="mb-4">
      <Notice state="bad">
        <strong className="font-semibold">{what}</strong> {words(error)}
      </Notice>
    </div>
  );
}

/** Theme, time zone and rows of a page are chosen in the top bar and in the settings. */
function NotKept() {
  const { outcome, kept } = usePreferences();
  const what = kept ? "Not kept." : "Not kept yet: your choice holds in this page.";
  return <NotDone what={what} error={outcome.error} />;
}

/** Said once for all screens; each button that is not offered says it again in its place. */
function ReadOnly() {
  const closed = useIsReadOnly();
  if (!closed) return null;
  return (
    <div className="mb-4">
      <Notice state="info">
        <strong className="font-semibold">This console is read-only:</strong> people look and change nothing.
        To change things here, set <code className="font-mono">spec.console.access: ReadWrite</code> in the
        EventPipeline; programs with an API key are not affected.
      </Notice>
    </div>
  );
}

function Brand() {
  return (
    <p className="mb-4 flex items-center gap-2 px-2.5 font-semibold tracking-tight">
      <img src="/favicon.svg" alt="" width={20} height={20} />
      EventPipeline
    </p>
  );
}

/** On a narrow screen the navigation comes from the side. */
function NarrowNav({ open, close }: { open: boolean; close: () => void }) {
  const focus = useFocus();
  return (
    <Dialog.Root open={open} onOpenChange={(next) => !next && close()}>
      <Dialog.Portal>
        <div className="fixed inset-0 z-40 bg-shade" aria-hidden />
        <Dialog.Content
          {...focus}
          aria-describedby={undefined}
          className="fixed inset-y-0 left-0 z-50 w-64 overflow-y-auto border-r border-line bg-surface p-3 shadow-float outline-none"
        >
          <Dialog.Title asChild>
            <div>
              <Brand />
            </div>
          </Dialog.Title>
          <Nav followed={close} />
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}
