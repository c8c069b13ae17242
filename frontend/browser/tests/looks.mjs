import { axe, sideways } from "../chromium.mjs";
import { assert, equal, test } from "../runner.mjs";

const SCREENS = {
  overview: ["/", "Events taken"],
  health: ["/health", "The flow of events"],
  "first-event": ["/first-event", "Waiting for your first event"],
  events: ["/events?userId=user-42", "order.refunded"],
  "event-detail": ["/events?userId=user-42&event=order-001", "Where"],
  "dead-letters": ["/dead-letters?status=all", "price.changed"],
  scaling: ["/scaling", "Needed"],
  keys: ["/keys", "first key"],
  people: ["/people", "(you)"],
  settings: ["/settings", "spec.api.maxBodyBytes"],
};
const WINDOWS = [
  { name: "light", theme: "light", width: 1280, height: 900 },
  { name: "dark", theme: "dark", width: 1280, height: 900 },
  { name: "narrow", theme: "light", width: 360, height: 740 },
  { name: "narrow-dark", theme: "dark", width: 360, height: 740 },
  { name: "wide", theme: "light", width: 2200, height: 1100 },
];

/** Two decisions as the autoscaler writes them, so that the screen has something to show. */
function decide({ redis }) {
  const record = (current, desired, reason, part = {}) => ({
    current,
    desired,
    reason,
    need: 3.6,
    certainty: "Known",
    backlogEvents: 12_400,
    oldestSeconds: 4.2,
    rates: { arrival: 5_210, base: 5_100, fast: 5_300, processed: 2_950 },
    mu: 1_480,
    clamps: [],
    ...part,
  });
  const now = Date.now();
  const push = (since, at, sentence, decision) => {
    const stored = { sinceMs: since, atMs: at, mode: "Lag", sentence, record: decision };
    redis("LPUSH", "ep:{default/laptop}:scaling", JSON.stringify(stored));
  };
  const up =
    "2 → 4 workers: 12,400 events wait, the oldest for 4.2 s; 5,210/s arrive, a worker does 1,480/s, 3.6 needed";
  const clamps = [{ by: "scaleUpStep", from: 6, to: 4 }];
  push(now - 90_000, now - 40_000, up, record(2, 4, "BacklogAboveTarget", { clamps }));
  const steady = "stays at 4 workers: no event waits; 5,210/s arrive, a worker does 1,480/s, 3.6 needed";
  push(now - 40_000, now, steady, record(4, 4, "Steady", { backlogEvents: 0, oldestSeconds: 0 }));
}

test("scaling says first that nothing decided, then each decision in words", async (t) => {
  const page = await t.open();
  await t.signIn(page, undefined, "/scaling");
  const some = page.getByText(/No decision was made yet|In words/);
  await some.first().waitFor();
  decide(t);
  await page.getByText("2 → 4 workers: 12,400 events wait").waitFor();
  await page.context().close();
});

test("scaling tells a decision that is not obeyed as one, and of a paused pipeline only that it is", async (t) => {
  const page = await t.open();
  await t.signIn(page, undefined, "/scaling");
  const rows = page.getByRole("region", { name: "Decisions" }).locator("tbody tr");
  await rows.first().waitFor();
  // What this pipeline's own autoscaler says goes on; the newest is told in another way.
  let told = {
    mode: "DryRun",
    sentence: "only told, `scaling` is DryRun: 2 → 4 workers: 12,400 events wait",
  };
  await page.route("**/api/v1/scaling", async (route) => {
    const answer = await route.fetch();
    const json = await answer.json();
    Object.assign(json.decisions[0], { current: 2, desired: 4, reason: "BacklogAboveTarget" }, told);
    await route.fulfill({ response: answer, json });
  });
  await rows.first().getByText(told.sentence).waitFor();
  await page.getByText("only told; there were 2").waitFor();
  equal(await rows.first().getByText("2 → 4", { exact: true }).count(), 0, "workers that did not come");
  await t.picture("scaling-dry-run", page);
  told = { mode: "Paused", sentence: "`desiredState` is Paused: there are to be no workers" };
  await rows.first().getByText("paused", { exact: true }).waitFor();
  equal(await page.getByText("Workers wanted").count(), 0, "workers wanted while paused");
  equal(await axe(page), [], "axe on a paused pipeline");
  await t.picture("scaling-paused", page);
  await page.context().close();
});

for (const window of WINDOWS) {
  test(`every screen holds at ${window.width} px in ${window.theme}: axe, no sideways scroll`, async (t) => {
    const page = await t.open(window);
    await page.goto(`${t.origin}/login`);
    await page.getByLabel("E-mail").waitFor();
    await t.picture(`login-${window.name}`, page);
    equal(await axe(page), [], "axe on login");
    await t.signIn(page);
    decide(t);
    const found = [];
    for (const [name, [path, words]] of Object.entries(SCREENS)) {
      await page.goto(t.origin + path);
      await page.getByText(words, { exact: false }).first().waitFor();
      await page.waitForLoadState("networkidle");
      await t.picture(`${name}-${window.name}`, page);
      equal(
        await page.evaluate(() => document.documentElement.dataset.theme),
        window.theme,
        `theme of ${name}`,
      );
      found.push(...(await axe(page)).map((line) => `${name}: ${line}`));
      const over = await sideways(page);
      if (over > 0) found.push(`${name} is ${over} px too wide`);
    }
    equal(found, [], "findings");
    await page.context().close();
  });
}

test("the theme is kept, and a page starts in it", async (t) => {
  const page = await t.open({ theme: "light" });
  await t.signIn(page);
  await page.getByLabel("Theme: system").click();
  await page.getByRole("menuitemradio", { name: "Dark" }).click();
  await page.waitForFunction(() => document.documentElement.dataset.theme === "dark");
  await page.reload({ waitUntil: "commit" });
  await page.waitForFunction(() => document.documentElement.dataset.theme === "dark");
  await page.getByLabel("Theme: dark").click();
  await page.getByRole("menuitemradio", { name: "As the system" }).click();
  await page.waitForFunction(() => document.documentElement.dataset.theme === "light");
  await page.getByLabel("Theme: system").waitFor();
  await page.context().close();
});

test("the narrow navigation opens, and leads", async (t) => {
  const page = await t.open({ width: 360, height: 740 });
  await t.signIn(page);
  await page.getByLabel("Open the navigation").click();
  await t.picture("nav-narrow", page);
  await page.getByRole("dialog").getByRole("link", { name: "API keys" }).click();
  await page.waitForURL(`${t.origin}/keys`);
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await page.context().close();
});

test("files are cached as long as their names say, and the page under a policy without inline scripts", async (t) => {
  const page = await fetch(`${t.origin}/keys`);
  const policy = page.headers.get("content-security-policy");
  assert(policy.includes("script-src 'self';") && !policy.includes("unsafe"), `a strict policy: ${policy}`);
  equal(page.headers.get("cache-control"), "no-cache", "the page");
  const script = /src="(\/assets\/[^"]+)"/.exec(await page.text())[1];
  equal(
    (await fetch(t.origin + script)).headers.get("cache-control"),
    "public, max-age=31536000, immutable",
    "a script",
  );
  const again = await fetch(`${t.origin}/keys`, { headers: { "if-none-match": page.headers.get("etag") } });
  equal(again.status, 304, "the page again");
  equal((await fetch(`${t.origin}/assets/none.js`)).status, 404, "a file that is not there");
  equal(
    (await fetch(`${t.origin}/api/none`)).headers.get("content-type"),
    "application/problem+json",
    "an API path",
  );
});

test("no request left the origin, nothing was refused by the policy, and no error went uncaught", (t) => {
  equal(t.faults, [], "faults of all tests");
});
