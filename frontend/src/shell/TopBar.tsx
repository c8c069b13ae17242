// Which pipeline this is, how it does, and how one wants to see it.
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import {
  Clock,
  LogOut,
  Menu as MenuIcon,
  Moon,
  Settings as SettingsIcon,
  Sun,
  SunMoon,
  UserRound,
} from "lucide-react";
import { DropdownMenu as Menu } from "radix-ui";
import type { ReactNode } from "react";
import { me, stats } from "@/api/queries";
import { Button } from "@/ui/Button";
import { HealthPill } from "./HealthPill";
import { type Theme, usePreferences } from "./Preferences";

const THEMES = { system: SunMoon, light: Sun, dark: Moon };

export function TopBar({ openNav, signOut }: { openNav: () => void; signOut: () => void }) {
  const { data } = useQuery(stats);
  const [, namespace = "", name = "–"] = /^(.*\/)?(.*)$/.exec(data?.pipeline ?? "–") ?? [];
  return (
    <header className="sticky top-0 z-30 flex h-12 items-center gap-1.5 border-b border-line bg-surface px-2 sm:gap-3 sm:px-3 md:px-5">
      <Button look="quiet" className="px-2 md:hidden" aria-label="Open the navigation" onClick={openNav}>
        <MenuIcon size={18} aria-hidden />
      </Button>
      <p className="max-w-36 shrink-0 truncate font-mono text-sm sm:max-w-none" title={data?.pipeline}>
        <span className="max-sm:hidden">{namespace}</span>
        {name}
      </p>
      <HealthPill />
      <div className="ml-auto flex items-center gap-0.5">
        <ThemeMenu />
        <ZoneMenu />
        <PersonMenu signOut={signOut} />
      </div>
    </header>
  );
}

const ITEM =
  "flex min-h-8 cursor-pointer items-center gap-2 rounded px-2.5 outline-none data-highlighted:bg-sunken data-[state=checked]:text-accent data-[state=checked]:font-medium max-md:min-h-11";

/** Not modal: a modal menu writes a style sheet into the page, which the Content-Security-Policy refuses. */
function TopMenu({ label, icon, children }: { label: string; icon: ReactNode; children: ReactNode }) {
  return (
    <Menu.Root modal={false}>
      <Menu.Trigger asChild>
        <Button look="quiet" className="px-2 max-sm:px-1.5" aria-label={label} title={label}>
          {icon}
        </Button>
      </Menu.Trigger>
      <Menu.Portal>
        <Menu.Content
          align="end"
          sideOffset={6}
          className="z-50 min-w-44 rounded-md border border-line bg-surface p-1 shadow-float"
        >
          {children}
        </Menu.Content>
      </Menu.Portal>
    </Menu.Root>
  );
}

function ThemeMenu() {
  const { theme, change } = usePreferences();
  const Icon = THEMES[theme];
  return (
    <TopMenu label={`Theme: ${theme}`} icon={<Icon size={16} aria-hidden />}>
      <Menu.RadioGroup value={theme} onValueChange={(value) => change({ theme: value as Theme })}>
        {(["system", "light", "dark"] as const).map((value) => (
          <Menu.RadioItem key={value} value={value} className={ITEM}>
            {value === "system" ? "As the system" : value === "light" ? "Light" : "Dark"}
          </Menu.RadioItem>
        ))}
      </Menu.RadioGroup>
    </TopMenu>
  );
}

function ZoneMenu() {
  const { zone, change } = usePreferences();
  const navigate = useNavigate();
  const local = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const chosen = zone !== "local" && zone !== "UTC" ? zone : undefined;
  return (
    <TopMenu
      label={`Times: ${zone === "local" ? `Local (${local})` : zone}`}
      icon={
        <>
          <Clock size={16} aria-hidden />
          <span className="text-xs max-sm:hidden">{zone === "local" ? "Local" : zone}</span>
        </>
      }
    >
      <Menu.RadioGroup value={zone} onValueChange={(value) => change({ timeZone: value })}>
        <Menu.RadioItem value="local" className={ITEM}>
          Local ({local})
        </Menu.RadioItem>
        <Menu.RadioItem value="UTC" className={ITEM}>
          UTC
        </Menu.RadioItem>
        {chosen && (
          <Menu.RadioItem value={chosen} className={ITEM}>
            {chosen}
          </Menu.RadioItem>
        )}
      </Menu.RadioGroup>
      <Menu.Item className={`${ITEM} text-soft`} onSelect={() => void navigate({ to: "/settings" })}>
        Another time zone…
      </Menu.Item>
    </TopMenu>
  );
}

function PersonMenu({ signOut }: { signOut: () => void }) {
  const { data } = useQuery(me);
  const navigate = useNavigate();
  return (
    <TopMenu label="Account" icon={<UserRound size={16} aria-hidden />}>
      <div className="border-b border-line px-2.5 pt-1 pb-2">
        <p className="font-medium break-all">{data?.email}</p>
        <p className="text-xs text-soft">
          {data?.role === "admin" ? "Administrator" : "Viewer: looks, changes nothing"}
          {data?.access === "ReadOnly" && "; the console is read-only"}
        </p>
      </div>
      <Menu.Item className={`${ITEM} mt-1`} onSelect={() => void navigate({ to: "/settings" })}>
        <SettingsIcon size={15} aria-hidden />
        Settings
      </Menu.Item>
      <Menu.Item className={ITEM} onSelect={() => signOut()}>
        <LogOut size={15} aria-hidden />
        Sign out
      </Menu.Item>
    </TopMenu>
  );
}
