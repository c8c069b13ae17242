import { assert, test } from "../runner.mjs";

test("when the API goes away the last figures stay with their age, and come back by themselves", async (t) => {
  const page = await t.open();
  await t.signIn(page);
  await page.getByRole("heading", { name: "Events taken" }).waitFor();
  await page.route("**/api/**", (route) => route.abort());
  await page.getByText(/These figures are from/).waitFor();
  await page.getByRole("link", { name: "API does not answer" }).waitFor();
  assert(
    await page.getByRole("heading", { name: "Events taken" }).isVisible(),
    "the figures are still there",
  );
  await t.picture("overview-stale", page);
  await page.goto(`${t.origin}/keys`).catch(() => undefined);
  await page.getByText("The console cannot start").waitFor();
  await page.unroute("**/api/**");
  await page.getByRole("button", { name: "Try again" }).click();
  await page.getByRole("button", { name: "New key" }).waitFor();
  await page.context().close();
});

test("an API that hangs is told of within seconds, on every screen and before the first", async (t) => {
  const page = await t.open();
  await t.signIn(page);
  await page.getByRole("link", { name: "All well" }).waitFor();
  const { pid } = t.facts.processes.find(({ name }) => name === "api");
  process.kill(pid, "SIGSTOP");
  try {
    await page.getByRole("link", { name: "API does not answer" }).waitFor();
  } finally {
    process.kill(pid, "SIGCONT");
  }
  await page.getByRole("link", { name: "All well" }).waitFor();
  await page.route("**/api/v1/auth/me", () => undefined);
  await page.reload();
  await page.getByText("Asking the API who you are…").waitFor();
  await page.context().close();
});

test("a question that fails says why, and a slow one shows the shape of what comes", async (t) => {
  const page = await t.open();
  await t.signIn(page);
  let answer;
  const held = new Promise((done) => {
    answer = done;
  });
  await page.route("**/api/v1/keys?*", async (route) => {
    await held;
    const body = { code: "accounts_unavailable", detail: "PostgreSQL is out of reach", status: 503 };
    await route.fulfill({ status: 503, contentType: "application/problem+json", body: JSON.stringify(body) });
  });
  await page.getByRole("link", { name: "API keys" }).click();
  await page.getByRole("status", { name: "Loading keys" }).waitFor();
  answer();
  await page.getByText("Could not load keys. PostgreSQL is out of reach.").waitFor();
  await t.picture("keys-error", page);
  await page.unroute("**/api/v1/keys?*");
  await page.getByRole("button", { name: "Try again" }).click();
  await page.getByRole("region", { name: "API keys" }).waitFor();
  await page.context().close();
});
