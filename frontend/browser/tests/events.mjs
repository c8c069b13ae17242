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
  await page.getByRole("button", { name: "Find" }).click();
  await page.getByText(/13.events shown/).waitFor();
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
