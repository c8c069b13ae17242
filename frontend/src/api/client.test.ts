import { QueryClient } from "@tanstack/react-query";
import { expect, it, vi } from "vitest";
import { api, ask } from "./client";
import { ProblemError, words } from "./problem";
import { health } from "./queries";

const answer = (status: number, body: unknown, type = "application/json") =>
  vi.spyOn(globalThis, "fetch").mockResolvedValue(
    new Response(body === undefined ? null : JSON.stringify(body), {
      status,
      headers: { "content-type": type },
    }),
  );

it("every request says that the console asks, and none carries a token of its own", async () => {
  const sent = answer(200, { keys: [] });
  await ask(api.GET("/api/v1/keys"));
  const request = sent.mock.calls[0]?.[0] as Request;
  expect(request.headers.get("x-requested-with")).toBe("console");
  expect(request.headers.has("authorization")).toBe(false);
  expect(request.credentials).toBe("same-origin");
});

it("a problem becomes an error with its words and its place", async () => {
  const detail = "the name is too long";
  answer(422, { code: "invalid_field", detail, pointer: "/name" }, "application/problem+json");
  const error = await ask(api.GET("/api/v1/keys")).catch((error: unknown) => error);
  expect(error).toBeInstanceOf(ProblemError);
  expect(error).toMatchObject({ status: 422, code: "invalid_field", pointer: "/name" });
  expect(words(error)).toBe("The name is too long.");
});

it("an API that is away, and one that answers nonsense, are told apart", async () => {
  vi.spyOn(globalThis, "fetch").mockRejectedValue(new TypeError("failed to fetch"));
  await expect(ask(api.GET("/api/v1/stats"))).rejects.toThrow("does not answer");
  answer(502, undefined);
  await expect(ask(api.GET("/api/v1/stats"))).rejects.toThrow("answered 502");
});

it("a page of a proxy in the place of the health is told as its status", async () => {
  const page = "<html><body>502 Bad Gateway</body></html>";
  const proxy = new Response(page, { status: 502, headers: { "content-type": "text/html" } });
  vi.spyOn(globalThis, "fetch").mockResolvedValue(proxy);
  const asked = new QueryClient().fetchQuery(health);
  await expect(asked).rejects.toMatchObject({ name: "ProblemError", status: 502 });
});
