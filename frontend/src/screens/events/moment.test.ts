import { expect, it } from "vitest";
import { fromField, toField } from "./moment";

it("a date field is of the zone that was chosen, and comes back as it was entered", () => {
  for (const zone of ["local", "UTC", "Europe/Vienna", "Asia/Kolkata", "America/New_York"]) {
    for (const text of ["2026-01-31T12:00:05", "2026-07-01T00:30:00", "2026-03-29T03:30:00"])
      expect(toField(fromField(text, zone), zone)).toBe(text);
  }
  expect(fromField("2026-01-31T12:00", "Europe/Vienna")).toBe("2026-01-31T11:00:00.000Z");
  expect(fromField("2026-07-01T12:00", "Europe/Vienna")).toBe("2026-07-01T10:00:00.000Z");
  expect(toField("2026-01-31T11:00:00Z", "Asia/Kolkata")).toBe("2026-01-31T16:30:00");
});

it("hours around a change of clocks are those of their side of it", () => {
  expect(fromField("2026-03-29T01:59", "Europe/Vienna")).toBe("2026-03-29T00:59:00.000Z");
  expect(fromField("2026-03-29T03:01", "Europe/Vienna")).toBe("2026-03-29T01:01:00.000Z");
  expect(fromField("2026-10-25T03:30", "Europe/Vienna")).toBe("2026-10-25T02:30:00.000Z");
});

it("what is no moment is left out of the question", () => {
  for (const text of [undefined, "", "yesterday"]) {
    expect(fromField(text, "UTC")).toBeUndefined();
    expect(toField(text, "UTC")).toBeUndefined();
  }
});
