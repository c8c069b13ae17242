// What the person may do, and why not: said beside whatever is not offered.
import { useQuery } from "@tanstack/react-query";
import { me } from "./queries";
import type { components } from "./schema";

type Person = components["schemas"]["PersonReply"];

/** Why the person may not change things; nothing where they may. `what` begins the sentence. */
export function refusal(
  person: Pick<Person, "role" | "access"> | undefined,
  what: string,
): string | undefined {
  if (person?.access === "ReadOnly") return "The console is read-only";
  return person?.role === "admin" ? undefined : `${what} needs the role admin`;
}

export function useRefusal(what: string): string | undefined {
  return refusal(useQuery(me).data, what);
}

/** Whether people may only look, whatever their role. */
export function useIsReadOnly(): boolean {
  return useQuery(me).data?.access === "ReadOnly";
}
