// What the API refuses, as an error with words for people.
import type { components } from "./schema";

export type Problem = components["schemas"]["Problem"];

export class ProblemError extends Error {
  /** The HTTP status; 0 when nothing answered. */
  readonly status: number;
  readonly code: string;
  /** JSON pointer to the field at fault. */
  readonly pointer: string | undefined;

  constructor(status: number, body: unknown) {
    const problem = isProblem(body) ? body : undefined;
    super(problem?.detail ?? fallback(status));
    this.name = "ProblemError";
    this.status = status;
    this.code = problem?.code ?? "unknown";
    this.pointer = problem?.pointer ?? undefined;
  }
}

function isProblem(body: unknown): body is Problem {
  return typeof body === "object" && body !== null && "detail" in body && "code" in body;
}

function fallback(status: number): string {
  if (status === 0) return "the API does not answer; is it running, and is the network there?";
  return `the API answered ${status} without saying why; its log has the reason`;
}

/** The words of whatever went wrong, as a sentence. */
export function words(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const sentence = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.?!]$/.test(sentence) ? sentence : `${sentence}.`;
}

/** The words of a refusal that points at this field. */
export function faultAt(error: unknown, pointer: string): string | undefined {
  return error instanceof ProblemError && error.pointer === pointer ? words(error) : undefined;
}
