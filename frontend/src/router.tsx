// Every path of the console, what it keeps in the URL, and who may see it.
import type { QueryClient } from "@tanstack/react-query";
import {
  createRootRouteWithContext,
  createRoute,
  createRouter,
  Link,
  lazyRouteComponent,
  Outlet,
  redirect,
  useRouter,
} from "@tanstack/react-router";
import { ProblemError, words } from "@/api/problem";
import { me } from "@/api/queries";
import { Shell } from "@/shell/Shell";
import { Button } from "@/ui/Button";
import { Empty } from "@/ui/Loaded";

/** Takes these texts out of the URL and nothing else. */
function texts<const Name extends string>(...names: Name[]) {
  return (search: Record<string, unknown>): { [N in Name]?: string } => {
    const found: { [N in Name]?: string } = {};
    for (const name of names) {
      const value = search[name];
      if (typeof value === "string" && value !== "") found[name] = value;
    }
    return found;
  };
}

const root = createRootRouteWithContext<{ queries: QueryClient }>()({
  component: Outlet,
  notFoundComponent: () => (
    <Empty title="There is nothing here" action={<Link to="/">Go to the overview</Link>}>
      The address may have been cut, or belong to another version of the console.
    </Empty>
  ),
});

const login = createRoute({
  getParentRoute: () => root,
  path: "/login",
  validateSearch: texts("next"),
  component: lazyRouteComponent(() => import("@/screens/login/Login"), "Login"),
});

/** Everything else asks first who is there. */
const shell = createRoute({
  getParentRoute: () => root,
  id: "shell",
  component: Shell,
  beforeLoad: async ({ context, location }) => {
    try {
      await context.queries.ensureQueryData(me);
    } catch (error) {
      if (!(error instanceof ProblemError) || error.status !== 401) throw error;
      throw redirect({ to: "/login", search: location.href === "/" ? {} : { next: location.href } });
    }
  },
  pendingComponent: Starting,
  errorComponent: CannotStart,
});

/** Shown when the first answer is slow to come. */
function Starting() {
  return (
    <div role="status">
      <Empty title="Asking the API who you are…">It answers at once when it is well.</Empty>
    </div>
  );
}

function CannotStart({ error }: { error: unknown }) {
  const router = useRouter();
  return (
    <Empty
      title="The console cannot start"
      action={<Button onClick={() => void router.invalidate()}>Try again</Button>}
    >
      {words(error)}
    </Empty>
  );
}

const at = { getParentRoute: () => shell };
const overview = createRoute({
  ...at,
  path: "/",
  component: lazyRouteComponent(() => import("@/screens/overview/Overview"), "Overview"),
});
const health = createRoute({
  ...at,
  path: "/health",
  component: lazyRouteComponent(() => import("@/screens/health/HealthScreen"), "HealthScreen"),
});
const firstEvent = createRoute({
  ...at,
  path: "/first-event",
  component: lazyRouteComponent(() => import("@/screens/first-event/FirstEvent"), "FirstEvent"),
});
const events = createRoute({
  ...at,
  path: "/events",
  validateSearch: texts("userId", "type", "from", "to", "event"),
  component: lazyRouteComponent(() => import("@/screens/events/Events"), "Events"),
});
const deadLetters = createRoute({
  ...at,
  path: "/dead-letters",
  validateSearch: texts("status", "class", "code", "type", "userId", "letter"),
  component: lazyRouteComponent(() => import("@/screens/dead-letters/DeadLetters"), "DeadLetters"),
});
const scaling = createRoute({
  ...at,
  path: "/scaling",
  component: lazyRouteComponent(() => import("@/screens/scaling/Scaling"), "Scaling"),
});
const keys = createRoute({
  ...at,
  path: "/keys",
  validateSearch: texts("name", "state"),
  component: lazyRouteComponent(() => import("@/screens/keys/Keys"), "Keys"),
});

const people = createRoute({
  ...at,
  path: "/people",
  validateSearch: texts("address", "role"),
  component: lazyRouteComponent(() => import("@/screens/people/People"), "People"),
});
const settings = createRoute({
  ...at,
  path: "/settings",
  component: lazyRouteComponent(() => import("@/screens/settings/Settings"), "Settings"),
});

const tree = root.addChildren([
  login,
  shell.addChildren([overview, health, firstEvent, events, deadLetters, scaling, keys, people, settings]),
]);

export function makeRouter(queries: QueryClient) {
  return createRouter({
    routeTree: tree,
    context: { queries },
    defaultPreload: "intent",
    defaultPendingMs: 500,
    scrollRestoration: true,
    // Plain `?userId=42` that people can read and write: every value is a text.
    parseSearch: (text) => Object.fromEntries(new URLSearchParams(text)),
    stringifySearch: (search) => {
      const pairs = Object.entries(search).filter(([, value]) => value !== undefined && value !== "");
      const text = new URLSearchParams(pairs.map(([name, value]) => [name, String(value)])).toString();
      return text ? `?${text}` : "";
    },
  });
}

declare module "@tanstack/react-router" {
  interface Register {
    router: ReturnType<typeof makeRouter>;
  }
}
