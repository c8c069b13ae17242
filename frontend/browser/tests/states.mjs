import { axe } from "../chromium.mjs";
import { assert, equal, test } from "../runner.mjs";

/** The pill when the API answers: earlier tests may have left dead letters. */
const WELL = /All well|Dead letters: to decide/;

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
  await page.getByRole("link", { name: WELL }).waitFor();
  const { pid } = t.facts.processes.find(({ name }) => name === "api");
  process.kill(pid, "SIGSTOP");
  try {
    await page.getByRole("link", { name: "API does not answer" }).waitFor();
  } finally {
    process.kill(pid, "SIGCONT");
  }
  await page.getByRole("link", { name: WELL }).waitFor();
  await page.route("**/api/v1/auth/me", () => undefined);
  await page.reload();
  await page.getByText("Asking the API who you are…").waitFor();
  await page.context().close();
});

test("while Redis does not answer the figures keep their last value and say of when it is", async (t) => {
  const page = await t.open();
  await t.signIn(page);
  await page.getByRole("link", { name: WELL }).waitFor();
  const { pid } = t.facts.processes.find(({ name }) => name === "redis");
  process.kill(pid, "SIGSTOP");
  try {
    await page.getByText("not known now; this is from").nth(2).waitFor();
    await t.picture("overview-redis-away", page);
  } finally {
    process.kill(pid, "SIGCONT");
  }
  await page.getByText("not known now; this is from").first().waitFor({ state: "detached" });
  await page.getByRole("link", { name: WELL }).waitFor();
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

test("a Redis that is full refuses events, and nothing is well while events wait for no worker", async (t) => {
  const page = await t.open();
  await t.signIn(page, undefined, "/health");
  await page.getByRole("link", { name: WELL }).waitFor();
  await page.route("**/api/v1/stats", async (route) => {
    const answer = await route.fetch();
    const json = await answer.json();
    Object.assign(json.samples.at(-1), { workers: 0, lagEvents: 7, lagCertainty: "Known" });
    await route.fulfill({ response: answer, json });
  });
  await page.getByRole("link", { name: "Workers: none alive" }).waitFor();
  await page.route("**/api/health", async (route) => {
    const json = await (await route.fetch()).json();
    const detail = "Redis is full; workers are draining it";
    Object.assign(json, { status: "degraded", redis: { ...json.redis, status: "refusing", detail } });
    await route.fulfill({ status: 503, json });
  });
  await page.getByRole("link", { name: "Redis refuses events" }).waitFor();
  await page
    .getByText("It answers and takes no events. Redis is full; workers are draining it.", { exact: true })
    .waitFor();
  equal(await page.getByText("whether it runs").count(), 0, "advice for a store that is away");
  equal(await axe(page), [], "axe on the refusal");
  await t.picture("health-refusing", page);
  await page.context().close();
});

test("theme and zone work while the settings cannot be read, and are kept once they can", async (t) => {
  const page = await t.open();
  await page.route("**/api/v1/settings", (route) => route.abort());
  await t.signIn(page);
  await page.getByLabel("Theme: system").click();
  await page.getByRole("menuitemradio", { name: "Dark" }).click();
  await page.waitForFunction(() => document.documentElement.dataset.theme === "dark");
  await page.getByLabel(/^Times:/).click();
  await page.getByRole("menuitemradio", { name: "UTC" }).click();
  await page.getByLabel("Times: UTC").waitFor();
  await page.getByText("Not kept yet: your choice holds in this page.").waitFor();
  await t.picture("settings-unread", page);
  const kept = page.waitForResponse((answer) => answer.request().method() === "PUT" && answer.ok());
  await page.unroute("**/api/v1/settings");
  const body = (await kept).request().postDataJSON();
  equal([body.theme, body.timeZone], ["dark", "UTC"], "what is kept");
  await page.getByText("Not kept yet").waitFor({ state: "detached" });
  await page.getByLabel("Theme: dark").click();
  await page.getByRole("menuitemradio", { name: "As the system" }).click();
  await page.getByLabel("Times: UTC").click();
  await page.getByRole("menuitemradio", { name: /^Local/ }).click();
  await page.getByLabel(/^Times: Local/).waitFor();
  await page.waitForLoadState("networkidle");

  await page.route("**/api/v1/auth/logout", (route) => route.abort());
  await page.getByLabel("Account").click();
  await page.getByRole("menuitem", { name: "Sign out" }).click();
  await page.getByText("You are still signed in.").waitFor();
  await t.picture("sign-out-failed", page);
  await page.context().close();
});
