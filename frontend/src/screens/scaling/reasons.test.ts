import { expect, it } from "vitest";
import { isObeyed, isReckoned, reason } from "./reasons";

it("a decision is told as made only where it is obeyed", () => {
  expect(["Lag", null, undefined].map((mode) => isObeyed({ mode }))).toEqual([true, true, true]);
  expect(["Manual", "DryRun", "Paused", "Stopped"].map((mode) => isObeyed({ mode }))).not.toContain(true);
  expect(isReckoned({ mode: "DryRun" })).toBe(true);
});

it("what the law says of a pipeline that shall not run is not told", () => {
  expect(isReckoned({ mode: "Paused" })).toBe(false);
  expect(reason({ mode: "Stopped", reason: "Bounds" })).toBe("stopped");
  expect(reason({ mode: "Manual", reason: "Bounds" })).toBe("outside the bounds");
  expect(reason({ mode: "Lag", reason: "ANewOne" })).toBe("ANewOne");
});
