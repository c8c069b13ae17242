import { assert, equal, test } from "../runner.mjs";

const USER = "user-42";

test("an event is found by its user and its type, and shows where it is", async (t) => {
  const events = Array.from({ length: 130 }, (_, n) => ({
    id: `order-${String(n).padStart(3, "0")}`,
    type: n % 10 === 0 ? "order.refunded" : "order.paid",
    userId: USER,
    timestamp: new Date(Date.now() - n * 60_000).toISOString(),
    properties: { total: 12.5 + n, currency: "EUR", items: [{ sku: "A-1", count: 2 }] },
  }));
  equal((await t.call("POST", "/api/v1/events/batch", events)).json.accepted, 130, "events taken");
  const stored = async () =>
    (await t.call("GET", `/api/v1/events?userId=${USER}&limit=1000`)).json.events.length;
  for (let n = 0; n < 100 && (await stored()) < 130; n += 1)
    await new Promise((done) => setTimeout(done, 100));

  const page = await t.open();
  await t.signIn(page, undefined, "/events");
  await page.getByText("Whose events?").waitFor();
  await page.keyboard.press("/");
  await page.keyboard.type(USER);
  await page.keyboard.press("Enter");
  const rows = page.getByRole("region", { name: "Events" }).locator("tbody tr");
  await page.getByText(/100.events shown, there are more/).waitFor();
  await page.getByRole("button", { name: "Show more" }).click();
  await page.getByText(/130.events shown/).waitFor();
  equal(await rows.count(), 130, "rows");

  await page.getByLabel("Type").fill("order.refunded");
  let answer;
  const held = new Promise((done) => {
    answer = done;
  });
  await page.route("**/api/v1/events?*", async (route) => {
    await held;
    await route.continue();
  });
  await page.getByRole("button", { name: "Find" }).click();
  // Until the answer is there the rows of the last one are told as such.
  await page.locator("table[aria-busy]").waitFor();
  assert(
    await page.getByRole("button", { name: "order-001" }).isDisabled(),
    "no row of the last answer opens",
  );
  answer();
  await page.getByText(/13.events shown/).waitFor();
  await page.unroute("**/api/v1/events?*");
  equal(await page.locator("table[aria-busy]").count(), 0, "tables that wait");
  equal(await page.evaluate(() => document.activeElement.textContent), "Find", "the focus after a search");
  assert(
    page.url().endsWith(`/events?userId=${USER}&type=order.refunded`),
    `the filter is the URL: ${page.url()}`,
  );
  await page.getByRole("button", { name: "order-010" }).click();
  const drawer = page.getByRole("dialog");
  await drawer.getByText("stored", { exact: true }).waitFor();
  assert(
    (await drawer.getByLabel("Properties").textContent()).includes('"total": 22.5'),
    "the properties as sent",
  );
  await t.picture("event-drawer", page);
  await page.reload();
  await page.getByRole("dialog").getByText("stored", { exact: true }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await page.context().close();
});

test("an event is found by its id, and times are asked for in the zone that they are shown in", async (t) => {
  const page = await t.open();
  await t.signIn(page, undefined, "/events");
  await page.getByLabel("User").fill(USER);
  await page.getByLabel("Id of one event").fill("order-007");
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").getByText("stored", { exact: true }).waitFor();
  assert(page.url().endsWith(`userId=${USER}&event=order-007`), `the id is in the URL: ${page.url()}`);
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  equal(await page.getByLabel("Id of one event").inputValue(), "", "the id of an event that is closed");

  await page.getByLabel("From (local time)").fill("2026-01-31T12:00:00");
  await page.getByRole("button", { name: "Find" }).click();
  await page.waitForURL(/from=2026-01-31T11%3A00%3A00\.000Z/);
  await page.getByLabel(/^Times: Local/).click();
  await page.getByRole("menuitemradio", { name: "UTC" }).click();
  await page.getByLabel("From (UTC)").waitFor();
  equal(await page.getByLabel("From (UTC)").inputValue(), "2026-01-31T11:00", "the same moment in UTC");
  await page.getByRole("button", { name: "Clear" }).click();
  await page.waitForURL(`${t.origin}/events`);
  equal(await page.getByLabel("User").inputValue(), "", "the user after clearing");
  await page.getByLabel("Times: UTC").click();
  await page.getByRole("menuitemradio", { name: /^Local/ }).click();
  await page.getByLabel(/^Times: Local/).waitFor();
  await page.waitForLoadState("networkidle");
  await page.context().close();
});
