// The command that sends an event.

/** Whose events they are. */
export const USER = "me";

/** An id of its own for each visit, so that the page waits for this event and not for an old one. */
export function freshId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(4));
  return `hello-${[...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

/** For any POSIX shell: single quotes, and nothing in them that could end them. */
export function curl(origin: string, key: string | undefined, id: string): string {
  const event = JSON.stringify({ id, type: "hello", userId: USER, properties: { from: "the console" } });
  return [
    `curl -sS ${origin}/api/v1/events \\`,
    `  -H 'X-Api-Key: ${key ?? "YOUR-KEY"}' \\`,
    "  -H 'Content-Type: application/json' \\",
    `  -d '${event}'`,
  ].join("\n");
}
