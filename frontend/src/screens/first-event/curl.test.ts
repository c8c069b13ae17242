import { expect, it } from "vitest";
import { curl, freshId } from "./curl";

it("the command carries the key and an event that is JSON", () => {
  const text = curl("http://127.0.0.1:3000", "epk_a_b", "hello-1");
  expect(text).toContain("curl -sS http://127.0.0.1:3000/api/v1/events \\\n");
  expect(text).toContain("'X-Api-Key: epk_a_b'");
  const body = /-d '(.*)'$/.exec(text)?.[1] ?? "";
  expect(JSON.parse(body)).toMatchObject({ id: "hello-1", userId: "me" });
  expect(body).not.toContain("'");
});

it("without a key the command says where one goes", () => {
  expect(curl("http://x", undefined, "i")).toContain("YOUR-KEY");
});

it("two visits wait for two events", () => {
  expect(freshId()).toMatch(/^hello-[0-9a-f]{8}$/);
  expect(freshId()).not.toBe(freshId());
});
