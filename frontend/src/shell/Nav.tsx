// Where one can go, in four groups.
import { Link } from "@tanstack/react-router";
import {
  Activity,
  HeartPulse,
  KeyRound,
  MailX,
  Scale,
  Search,
  Settings,
  Sparkles,
  Users,
} from "lucide-react";

const GROUPS = [
  {
    name: "Now",
    links: [
      { to: "/", label: "Overview", Icon: Activity },
      { to: "/health", label: "Health", Icon: HeartPulse },
    ],
  },
  {
    name: "Events",
    links: [
      { to: "/first-event", label: "Send an event", Icon: Sparkles },
      { to: "/events", label: "Events of a user", Icon: Search },
      { to: "/dead-letters", label: "Dead letters", Icon: MailX },
    ],
  },
  { name: "Workers", links: [{ to: "/scaling", label: "Scaling", Icon: Scale }] },
  {
    name: "Admin",
    links: [
      { to: "/keys", label: "API keys", Icon: KeyRound },
      { to: "/people", label: "People", Icon: Users },
      { to: "/settings", label: "Settings", Icon: Settings },
    ],
  },
] as const;

export function Nav({ followed }: { followed?: () => void }) {
  return (
    <nav aria-label="Main" className="flex flex-col gap-5">
      {GROUPS.map((group) => (
        <div key={group.name}>
          <h2 className="px-2.5 pb-1 text-xs font-medium text-soft">{group.name}</h2>
          <ul>
            {group.links.map(({ to, label, Icon }) => (
              <li key={to}>
                <Link
                  to={to}
                  onClick={followed}
                  activeOptions={{ exact: to === "/", includeSearch: false }}
                  className="flex min-h-8 items-center gap-2.5 rounded-md px-2.5 max-md:min-h-11"
                  activeProps={{ className: "bg-accent-soft font-medium text-accent" }}
                  inactiveProps={{ className: "text-text hover:bg-sunken" }}
                >
                  <Icon size={15} aria-hidden className="shrink-0" />
                  {label}
                </Link>
              </li>
            ))}
          </ul>
        </div>
      ))}
    </nav>
  );
}
