import { expect, it } from "vitest";
import { refusal } from "./may";

it("an administrator may change things, a viewer is told the role, and a read-only console comes first", () => {
  expect(refusal({ role: "admin", access: "ReadWrite" }, "Revoking")).toBeUndefined();
  expect(refusal({ role: "viewer", access: "ReadWrite" }, "Revoking")).toBe("Revoking needs the role admin");
  for (const role of ["admin", "viewer"] as const)
    expect(refusal({ role, access: "ReadOnly" }, "Revoking")).toBe("The console is read-only");
});

it("nobody may change anything until it is known who they are", () => {
  expect(refusal(undefined, "Revoking")).toBe("Revoking needs the role admin");
});
