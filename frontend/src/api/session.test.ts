import { cleanup, renderHook } from "@testing-library/react";
import { afterEach, expect, it, vi } from "vitest";
import { useKeptSession } from "./session";

afterEach(() => {
  cleanup();
  vi.useRealTimers();
  vi.restoreAllMocks();
});

it("the session is renewed while the page is seen, and at once when it is seen again", () => {
  vi.useFakeTimers();
  const asked = vi.spyOn(globalThis, "fetch").mockResolvedValue(new Response(null, { status: 204 }));
  const visibility = vi.spyOn(document, "visibilityState", "get").mockReturnValue("visible");
  const show = (state: DocumentVisibilityState) => {
    visibility.mockReturnValue(state);
    document.dispatchEvent(new Event("visibilitychange"));
  };
  const minutes = (n: number) => vi.advanceTimersByTime(n * 60_000);
  renderHook(useKeptSession);
  minutes(4);
  show("hidden");
  show("visible");
  expect(asked).toHaveBeenCalledTimes(0);
  minutes(1);
  expect(asked).toHaveBeenCalledTimes(1);
  show("hidden");
  minutes(20);
  expect(asked).toHaveBeenCalledTimes(1);
  show("visible");
  expect(asked).toHaveBeenCalledTimes(2);
  minutes(4);
  expect(asked).toHaveBeenCalledTimes(2);
});
