import { axe, change, sideways } from "../chromium.mjs";
import { startPipeline } from "../pipeline.mjs";
import { assert, equal, test } from "../runner.mjs";

/** What would change something, by its name. */
const CHANGES = /^(New|Make|Change|Delete|Revoke|Replay|Discard)/;
const SCREENS = ["/keys", "/people", "/settings", "/first-event", "/dead-letters"];

test("a read-only console says so, offers no change on any screen, and the API refuses each", async (t) => {
  const closed = await startPipeline("{console: {access: ReadOnly}}");
  try {
    const { console: origin, login } = closed.facts;
    t.allow(origin);
    const bad = { id: "bad-1", type: "price.changed", userId: "user-7", properties: { $price: 1 } };
    equal((await closed.call("POST", "/api/v1/events", bad)).status, 202, "a program sends on");
    equal((await closed.call("POST", "/api/v1/keys", { scopes: ["read"] })).status, 201, "and makes keys");
    const page = await t.open();
    await t.signIn(page, login, "/keys", origin);
    for (const path of SCREENS) {
      await page.goto(origin + path);
      await page.getByText("This console is read-only:").waitFor();
      await page.waitForLoadState("networkidle");
      if (path === "/dead-letters") await page.getByRole("button", { name: "Replay" }).first().waitFor();
      const main = page.locator("main");
      for (const button of await main.getByRole("button", { name: CHANGES }).all())
        assert(await button.isDisabled(), `${path} offers ${await button.textContent()}`);
      await main.getByText("The console is read-only", { exact: true }).first().waitFor();
      equal(await axe(page), [], `axe on ${path}`);
      await t.picture(`read-only${path.replace("/", "-")}`, page);
    }
    for (const [method, path, body] of [
      ["POST", "/api/v1/keys", { scopes: ["read"] }],
      ["POST", "/api/v1/users", { email: "a@b.c", password: "long enough", role: "viewer" }],
      ["POST", "/api/v1/dlq/discard", { filter: {} }],
      ["POST", "/api/v1/auth/password", { currentPassword: login.password, newPassword: "long enough" }],
    ])
      equal(await change(page, method, path, body), [403, "console_read_only"], `${method} ${path}`);
    // How one sees it oneself is no change to the pipeline.
    await page.goto(`${origin}/settings`);
    await page.getByLabel("Theme", { exact: true }).selectOption("dark");
    await page.getByText("Saved", { exact: true }).waitFor();
    await page.setViewportSize({ width: 360, height: 740 });
    equal(await sideways(page), 0, "pixels too wide");
    await t.picture("read-only-narrow", page);
    await page.context().close();
  } finally {
    await closed.stop();
  }
});
