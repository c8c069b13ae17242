import { expect, it } from "vitest";
import { matches } from "./filter";

const shop = { id: "4mQ0xPz81kLs", name: "Shop checkout", revokedAt: null };

it("a key is found by a part of its name or of itself, in any case", () => {
  for (const name of [undefined, "shop", "CHECK", "epk_4mQ0", "epk_4mQ0xPz81kLs_"])
    expect(matches(shop, { ...(name ? { name } : {}) }), name).toBe(true);
  expect(matches(shop, { name: "billing" })).toBe(false);
  expect(matches({ ...shop, name: null }, { name: "null" })).toBe(false);
});

it("a revoked key is not among the active ones, nor the other way round", () => {
  const revoked = { ...shop, revokedAt: "2026-01-31T12:00:00Z" };
  expect([matches(shop, { state: "active" }), matches(revoked, { state: "active" })]).toEqual([true, false]);
  expect([matches(shop, { state: "revoked" }), matches(revoked, { state: "revoked" })]).toEqual([
    false,
    true,
  ]);
});
