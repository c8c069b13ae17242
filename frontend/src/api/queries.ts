// What the screens ask for, and how often. One entry a question; a screen adds nothing to it.
import { infiniteQueryOptions, type QueryClient, queryOptions } from "@tanstack/react-query";
import { api, ask } from "./client";
import { ProblemError } from "./problem";
import type { components } from "./schema";

type Schemas = components["schemas"];
export type Stats = Schemas["StatsReply"];
export type Sample = Schemas["Sample"];
export type Health = Schemas["Health"];
export type Dependency = Schemas["Dependency"];
export type Key = Schemas["Key"];
export type CreatedKey = Schemas["CreatedKey"];
export type User = Schemas["User"];
export type Role = Schemas["RoleName"];
export type Limits = Schemas["LimitsReply"];
export type StoredEvent = Schemas["StoredEvent"];
export type DeadLetter = Schemas["DeadLetter"];
export type Group = Schemas["Group"];
export type Done = Schemas["Done"];
export type Selection = Schemas["Selection"];
export type ScalingDecision = Schemas["ScalingDecision"];

/** Figures are sampled this often by the API; asking more often shows nothing new. */
const FIGURES_MS = 5_000;
/** The API answers this from memory, at once, whatever its stores do. */
const HEALTH_MS = 5_000;
/** What one may do and what is taken changes when somebody changes the pipeline. */
const SETTINGS_MS = 60_000;
/** Lists change by what people and workers do. */
const LISTS_MS = 15_000;
/** After a failure they are asked for sooner, so that what came back is seen soon. */
const lists = (query: { state: { error: unknown } }) => (query.state.error ? FIGURES_MS : LISTS_MS);
/** Rows of a page, where the person's settings cannot be had. */
const ROWS = 100;

export const me = queryOptions({
  queryKey: ["me"],
  queryFn: async () => {
    const caller = await ask(api.GET("/api/v1/auth/me"));
    // Keys have no session: this cannot be one.
    if (caller.kind !== "person") throw new ProblemError(401, undefined);
    return caller;
  },
  staleTime: SETTINGS_MS,
  refetchInterval: SETTINGS_MS,
});

export const settings = queryOptions({
  queryKey: ["settings"],
  queryFn: () => ask(api.GET("/api/v1/settings")),
  staleTime: Number.POSITIVE_INFINITY,
  // They change only here; until they were had once they are asked for again.
  refetchInterval: (query) => (query.state.error ? FIGURES_MS : false),
});

/** Rows of a page, as the person chose. */
async function rows(client: QueryClient): Promise<number> {
  const chosen = await client.ensureQueryData(settings).catch(() => undefined);
  return chosen?.pageRows ?? ROWS;
}

export const limits = queryOptions({
  queryKey: ["limits"],
  queryFn: () => ask(api.GET("/api/v1/limits")),
  refetchInterval: SETTINGS_MS,
});

export const stats = queryOptions({
  queryKey: ["stats"],
  queryFn: () => ask(api.GET("/api/v1/stats", { signal: AbortSignal.timeout(HEALTH_MS) })),
  refetchInterval: FIGURES_MS,
  // It is asked again in a moment, and its age is told meanwhile.
  retry: false,
});

export const scaling = queryOptions({
  queryKey: ["scaling"],
  queryFn: () => ask(api.GET("/api/v1/scaling")),
  refetchInterval: FIGURES_MS,
});

export const health = queryOptions({
  queryKey: ["health"],
  queryFn: async (): Promise<Health> => {
    const { data, error, response } = await api
      .GET("/api/health", { signal: AbortSignal.timeout(HEALTH_MS) })
      .catch(() => {
        throw new ProblemError(0, undefined);
      });
    if (data) return data;
    // 503 says which dependency is away: that is an answer, no failure.
    if (error && typeof error === "object" && "redis" in error) return error;
    throw new ProblemError(response.status, error);
  },
  refetchInterval: FIGURES_MS,
  retry: false,
});

export const keys = infiniteQueryOptions({
  queryKey: ["keys"],
  queryFn: async ({ pageParam, client }) =>
    ask(api.GET("/api/v1/keys", { params: { query: { limit: await rows(client), cursor: pageParam } } })),
  initialPageParam: undefined as string | undefined,
  getNextPageParam: (page) => page.nextCursor ?? undefined,
  refetchInterval: lists,
});

export const people = infiniteQueryOptions({
  queryKey: ["people"],
  queryFn: async ({ pageParam, client }) =>
    ask(api.GET("/api/v1/users", { params: { query: { limit: await rows(client), cursor: pageParam } } })),
  initialPageParam: undefined as string | undefined,
  getNextPageParam: (page) => page.nextCursor ?? undefined,
  refetchInterval: lists,
});

export interface EventFilter {
  userId: string;
  type?: string;
  from?: string;
  to?: string;
}

export const events = (filter: EventFilter) =>
  infiniteQueryOptions({
    queryKey: ["events", filter],
    queryFn: async ({ pageParam, client }) =>
      ask(
        api.GET("/api/v1/events", {
          params: { query: { ...filter, limit: await rows(client), cursor: pageParam } },
        }),
      ),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.nextCursor ?? undefined,
    enabled: filter.userId !== "",
    // What is stored of a user is looked up when asked for; a failure is tried again.
    refetchInterval: (query) => (query.state.error ? FIGURES_MS : false),
  });

/** Where one event is: queued, stored or dead. `null`: nowhere. */
export const event = (userId: string, id: string) =>
  queryOptions({
    queryKey: ["event", userId, id],
    queryFn: async () => {
      try {
        return await ask(api.GET("/api/v1/events/{id}", { params: { path: { id }, query: { userId } } }));
      } catch (error) {
        if (error instanceof ProblemError && error.status === 404) return null;
        throw error;
      }
    },
  });

export interface LetterFilter {
  status?: string;
  class?: string;
  code?: string;
  type?: string;
  userId?: string;
}

export const letters = (filter: LetterFilter) =>
  infiniteQueryOptions({
    queryKey: ["letters", filter],
    queryFn: async ({ pageParam, client }) =>
      ask(
        api.GET("/api/v1/dlq", {
          params: { query: { ...filter, limit: await rows(client), cursor: pageParam } },
        }),
      ),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.nextCursor ?? undefined,
    refetchInterval: lists,
  });

export const letter = (id: string) =>
  queryOptions({
    queryKey: ["letter", id],
    queryFn: () => ask(api.GET("/api/v1/dlq/{id}", { params: { path: { id } } })),
  });
