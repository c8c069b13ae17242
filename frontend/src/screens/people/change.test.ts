import { expect, it } from "vitest";
import { difference } from "./change";

const ada = { email: "ada@example.com", role: "viewer", disabled: false } as const;
const same = { email: "ada@example.com", role: "viewer", disabled: false, password: "" };

it("what stays is not asked for, and an address in other letters is the same", () => {
  expect(difference(ada, same)).toBeUndefined();
  expect(difference(ada, { ...same, email: " Ada@Example.com " })).toBeUndefined();
});

it("each field that differs is asked for, and no other", () => {
  expect(difference(ada, { ...same, role: "admin" })).toEqual({ role: "admin" });
  expect(difference(ada, { ...same, disabled: true })).toEqual({ disabled: true });
  expect(difference({ ...ada, disabled: true }, same)).toEqual({ disabled: false });
  expect(difference(ada, { ...same, password: " spaces count " })).toEqual({ password: " spaces count " });
  expect(difference(ada, { ...same, email: "lovelace@example.com", password: "analytical engine" })).toEqual({
    email: "lovelace@example.com",
    password: "analytical engine",
  });
});
