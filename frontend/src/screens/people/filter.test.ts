import { expect, it } from "vitest";
import { matches } from "./filter";

const ada = { email: "ada@example.com", role: "viewer" } as const;

it("a person is found by a part of their address and by their role, both if both are asked for", () => {
  expect(matches(ada, {})).toBe(true);
  expect(matches(ada, { address: "ADA@" })).toBe(true);
  expect(matches(ada, { address: "eva" })).toBe(false);
  expect(matches(ada, { role: "admin" })).toBe(false);
  expect(matches(ada, { address: "example", role: "viewer" })).toBe(true);
});
