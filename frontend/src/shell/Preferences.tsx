// Theme and time zone: kept with the person's account, and in this browser so that the next page starts right.
import { type Query, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { createContext, type ReactNode, useContext, useEffect, useMemo, useState } from "react";
import { api, ask } from "@/api/client";
import { settings } from "@/api/queries";
import type { components } from "@/api/schema";
import type { Zone } from "@/lib/time";

type Settings = components["schemas"]["SettingsBody"];
export type Theme = components["schemas"]["ThemeName"];

interface Preferences {
  theme: Theme;
  zone: Zone;
  /** What is kept with the account; absent until it is loaded. */
  kept: Settings | undefined;
  /** Without what is kept it holds in this page, and is kept as soon as it can be. */
  change: (part: Partial<Settings>) => void;
  /** Of the last change. */
  outcome: { saved: boolean; error: unknown };
}

const Context = createContext<Preferences>({
  theme: "system",
  zone: "local",
  kept: undefined,
  change: () => undefined,
  outcome: { saved: false, error: null },
});

export function usePreferences(): Preferences {
  return useContext(Context);
}

export function PreferencesProvider({ children }: { children: ReactNode }) {
  const queries = useQueryClient();
  const { data, error: unread } = useQuery(settings);
  /** What was chosen while nothing was known of what is kept. */
  const [own, setOwn] = useState<Partial<Settings>>();
  const { mutate, isSuccess, error } = useMutation({
    mutationFn: (body: Settings) => ask(api.PUT("/api/v1/settings", { body })),
    // Shown at once; if the API refuses or is away, what was there before comes back.
    onMutate: (body) => {
      const before = queries.getQueryData(settings.queryKey);
      queries.setQueryData(settings.queryKey, body);
      return { before };
    },
    onError: (_, __, context) => {
      queries.setQueryData(settings.queryKey, context?.before);
      return queries.invalidateQueries({ queryKey: settings.queryKey });
    },
    // Lists come in pages of another size.
    onSuccess: (body, _, { before }) =>
      before?.pageRows === body.pageRows ? undefined : queries.invalidateQueries({ predicate: isList }),
  });
  const theme = own?.theme ?? data?.theme ?? storedTheme();
  const zone = zoneOr(own?.timeZone ?? data?.timeZone);
  useEffect(() => applyTheme(theme), [theme]);
  useEffect(() => {
    if (!own || !data) return;
    mutate({ ...data, ...own });
    setOwn(undefined);
  }, [own, data, mutate]);
  const value = useMemo(
    () => ({
      theme,
      zone,
      kept: data,
      change: (part: Partial<Settings>) =>
        data ? mutate({ ...data, ...part }) : setOwn((before) => ({ ...before, ...part })),
      outcome: { saved: isSuccess, error: own ? unread : error },
    }),
    [theme, zone, data, own, mutate, isSuccess, error, unread],
  );
  return <Context value={value}>{children}</Context>;
}

function isList(query: Query): boolean {
  return ["keys", "people", "events", "letters"].includes(String(query.queryKey[0]));
}

/** A zone that this browser does not know would break every time on the page. */
function zoneOr(zone: string | undefined): Zone {
  if (!zone || zone === "local") return "local";
  try {
    new Intl.DateTimeFormat("en", { timeZone: zone });
    return zone;
  } catch {
    return "local";
  }
}

function storedTheme(): Theme {
  try {
    const stored = localStorage.getItem("theme");
    return stored === "light" || stored === "dark" ? stored : "system";
  } catch {
    return "system";
  }
}

/** What `theme.js` does before the first paint, kept up while the page is open. */
function applyTheme(theme: Theme): () => void {
  try {
    localStorage.setItem("theme", theme);
  } catch {
    // Storage is off: the next page asks the API.
  }
  const system = matchMedia("(prefers-color-scheme: dark)");
  const set = () => {
    const dark = theme === "dark" || (theme === "system" && system.matches);
    document.documentElement.dataset.theme = dark ? "dark" : "light";
  };
  set();
  system.addEventListener("change", set);
  return () => system.removeEventListener("change", set);
}
