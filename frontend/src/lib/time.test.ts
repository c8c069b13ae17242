import { cleanup, renderHook } from "@testing-library/react";
import { expect, it, vi } from "vitest";
import { clock, exact, relative, useNow } from "./time";

const plain = (text: string) => text.replaceAll("\u00a0", " ");
const noon = Date.UTC(2026, 0, 31, 12, 0, 5, 120);

it("a moment is read relative to now, on either side of it", () => {
  expect(relative(noon, noon + 900)).toBe("just now");
  expect(plain(relative(noon, noon + 12_000))).toBe("12 s ago");
  expect(plain(relative(noon + 180_000, noon))).toBe("in 3 min");
});

it("the exact moment names its zone", () => {
  expect(exact(noon, "UTC")).toBe("2026-01-31 12:00:05.120 UTC");
  expect(exact(noon, "Europe/Vienna")).toMatch(/^2026-01-31 13:00:05\.120 (CET|GMT\+1)$/);
  expect(clock(noon, "Asia/Kolkata")).toBe("17:30:05");
  expect(exact(Number.NaN, "UTC")).toBe("–");
});

it("the clock is right at once after nothing showed a time for a while", () => {
  vi.useFakeTimers();
  renderHook(useNow);
  cleanup();
  vi.advanceTimersByTime(65_000);
  const seen: number[] = [];
  renderHook(() => seen.push(useNow()));
  expect(seen.map((at) => at - Date.now())).toEqual(seen.map(() => 0));
  cleanup();
  vi.useRealTimers();
});
