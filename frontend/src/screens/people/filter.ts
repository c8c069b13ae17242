// Which people: the API lists them all, so the rows that are loaded are looked through.
import type { User } from "@/api/queries";
import { contains } from "@/lib/text";

export interface PersonFilter {
  address?: string;
  role?: string;
}

/** The address has the text; case does not count. */
export function matches(person: Pick<User, "email" | "role">, { address, role }: PersonFilter): boolean {
  return (!role || role === person.role) && contains(person.email, address);
}
