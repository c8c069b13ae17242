// What a form says of a person, against what they are: only the difference is asked for.
import type { User } from "@/api/queries";
import type { components } from "@/api/schema";

type Change = components["schemas"]["UpdateUser"];

/** What a form holds. */
export interface Wanted {
  email: string;
  role: string;
  disabled: boolean;
  /** Empty: it stays. */
  password: string;
}

/** The difference; nothing if there is none. */
export function difference(
  person: Pick<User, "email" | "role" | "disabled">,
  wanted: Wanted,
): Change | undefined {
  const change: Change = {};
  const [email, role] = [wanted.email.trim(), wanted.role === "admin" ? "admin" : "viewer"] as const;
  if (email.toLowerCase() !== person.email) change.email = email;
  if (role !== person.role) change.role = role;
  if (wanted.disabled !== person.disabled) change.disabled = wanted.disabled;
  if (wanted.password !== "") change.password = wanted.password;
  return Object.keys(change).length > 0 ? change : undefined;
}
