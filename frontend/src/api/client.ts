// The one way to the API: typed by its OpenAPI document, with the session's cookie.
import createClient from "openapi-fetch";
import { ProblemError } from "./problem";
import type { paths } from "./schema";

/** The API answers a question within 11 s, or says that it cannot; what takes longer will not come. */
const ANSWER_MS = 15_000;
/** A change may take several of its steps. */
const CHANGE_MS = 60_000;

export const api = createClient<paths>({
  credentials: "same-origin",
  // Tells the API that the console itself asks; no other page can send it.
  headers: { "X-Requested-With": "console" },
  // Looked up at each call, so that tests can put another in its place.
  fetch: (request) => {
    const limit = AbortSignal.timeout(request.method === "GET" ? ANSWER_MS : CHANGE_MS);
    return globalThis.fetch(request, { signal: AbortSignal.any([request.signal, limit]) });
  },
});

interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** The data of an answer, or its problem as an error. */
export async function ask<T>(call: Promise<Answer<T>>): Promise<T> {
  let answer: Answer<T>;
  try {
    answer = await call;
  } catch {
    throw new ProblemError(0, undefined);
  }
  if (!answer.response.ok) throw new ProblemError(answer.response.status, answer.error);
  return answer.data as T;
}
