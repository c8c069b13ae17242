import { expect, it } from "vitest";
import { last, path, top } from "./series";

it("the axis ends at a round number that holds every value", () => {
  expect([0, 0.7, 3, 12, 230, 5_001].map((value) => top([null, value]))).toEqual([1, 1, 5, 20, 250, 10_000]);
});

it("a value that is not known is a gap in the line, never a zero", () => {
  const { line, area } = path([1, 2, null, 2], 4, 30, 10, 2);
  expect(line).toBe("M0.0 5.0L10.0 0.0M30.0 0.0L30.0 0.0");
  expect(area.match(/Z/g)).toHaveLength(2);
});

it("a short history ends at the right edge", () => {
  expect(path([2, 2], 4, 30, 10, 2).line).toBe("M20.0 0.0L30.0 0.0");
  expect(path([], 4, 30, 10, 2)).toEqual({ line: "", area: "" });
});

it("the last known value is not the gap after it", () => {
  expect(last([1, 4, null])).toBe(4);
  expect(last([null])).toBeUndefined();
});
