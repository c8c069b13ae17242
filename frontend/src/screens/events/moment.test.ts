import { expect, it } from "vitest";
import { fromField, toField } from "./moment";

it("a date field comes back as it was entered, whatever the zone", () => {
  expect(toField(fromField("2026-01-31T12:00:05"))).toBe("2026-01-31T12:00:05");
  expect(toField(fromField("2026-07-01T00:30"))).toBe("2026-07-01T00:30:00");
});

it("what is no moment is left out of the question", () => {
  for (const text of [undefined, "", "yesterday"]) {
    expect(fromField(text)).toBeUndefined();
    expect(toField(text)).toBeUndefined();
  }
});
