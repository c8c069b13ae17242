// Signing in and out. The token is in a cookie that no script can read; the console only asks who it is.
import { QueryCache, QueryClient, useMutation, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { api, ask } from "./client";
import { ProblemError } from "./problem";
import { me } from "./queries";

/** A third of the shortest life of a token: a session in use never ends in the middle of something. */
const REFRESH_MS = 5 * 60_000;

/** The cache of all answers; `signedOut` is called once a question is refused for want of a session. */
export function makeQueryClient(signedOut: () => void): QueryClient {
  return new QueryClient({
    queryCache: new QueryCache({
      onError: (error, query) => {
        const refused = error instanceof ProblemError && error.status === 401;
        if (refused && query.queryKey[0] !== "me") signedOut();
      },
    }),
    defaultOptions: {
      queries: {
        // A refusal stays one; what did not answer is asked once more at once, then with the next poll.
        retry: (failures, error) =>
          failures < 1 && !(error instanceof ProblemError && error.status >= 400 && error.status < 500),
        retryDelay: 400,
        staleTime: 2_000,
        networkMode: "always",
      },
      mutations: { networkMode: "always" },
    },
  });
}

export function useLogin() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (body: { email: string; password: string }) => ask(api.POST("/api/v1/auth/login", { body })),
    onSuccess: ({ user }) => {
      queries.clear();
      queries.setQueryData(me.queryKey, { kind: "person", ...user });
    },
  });
}

export function useLogout(done: () => void) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: () => ask(api.POST("/api/v1/auth/logout")),
    onSuccess: () => {
      queries.clear();
      done();
    },
  });
}

/** Keeps the session of a page that is seen: while it is, and at once when it is again. */
export function useKeptSession(): void {
  useEffect(() => {
    let renewed = Date.now();
    const renew = () => {
      if (document.visibilityState !== "visible" || Date.now() - renewed < REFRESH_MS) return;
      renewed = Date.now();
      // Refused or not: the next question finds out, and says so in its place.
      void api.POST("/api/v1/auth/refresh").catch(() => undefined);
    };
    // More often than it is due: a timer that comes a moment too early must not skip one.
    const timer = setInterval(renew, REFRESH_MS / 10);
    document.addEventListener("visibilitychange", renew);
    return () => {
      clearInterval(timer);
      document.removeEventListener("visibilitychange", renew);
    };
  }, []);
}
