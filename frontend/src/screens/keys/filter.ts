// Which keys: the API lists them all, so the rows that are loaded are looked through.
import type { Key } from "@/api/queries";
import { contains } from "@/lib/text";

export interface KeyFilter {
  name?: string;
  /** "active" or "revoked". */
  state?: string;
}

/** The name or the public part of the key has the text; case does not count. */
export function matches(key: Pick<Key, "id" | "name" | "revokedAt">, { name, state }: KeyFilter): boolean {
  if (state && state !== (key.revokedAt ? "revoked" : "active")) return false;
  return contains(`${key.name ?? ""} epk_${key.id}_`, name);
}
