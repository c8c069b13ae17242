import { axe, sideways } from "../chromium.mjs";
import { assert, equal, test } from "../runner.mjs";

test("a key is made, shown once, works, and is revoked once its name is typed", async (t) => {
  const page = await t.open();
  await t.signIn(page, undefined, "/keys");
  await page.getByRole("button", { name: "New key" }).click();
  const drawer = page.getByRole("dialog");
  await drawer.getByLabel("Name").fill("checkout service");
  await drawer.getByRole("checkbox", { name: /read/ }).check();
  await drawer.getByLabel(/^Rate/).fill("500");
  // The list of keys may fail: the key is shown all the same.
  await page.route("**/api/v1/keys?*", (route) => route.abort());
  await drawer.getByRole("button", { name: "Make the key" }).click();
  const key = (await drawer.getByLabel("The new API key").textContent()).trim();
  assert(/^epk_\w{12}_\w{40}$/.test(key), `a whole key is shown: ${key}`);
  await t.picture("key-shown-once", page);
  equal(await axe(page), [], "axe on the new key");
  equal((await t.call("GET", "/api/v1/events?userId=x", undefined, key)).status, 200, "the key reads");
  equal((await t.call("POST", "/api/v1/keys", { scopes: ["read"] }, key)).status, 403, "and does no more");
  await page.unroute("**/api/v1/keys?*");
  await page.keyboard.press("Escape");
  await page.mouse.click(20, 400);
  await drawer.getByText(key).waitFor();
  await drawer.getByRole("button", { name: "I have it" }).click();
  await drawer.waitFor({ state: "detached" });
  await page.waitForFunction(() => document.activeElement?.textContent === "New key");
  const row = page.getByRole("row", { name: /checkout service/ });
  await row.getByText("500 events/s").waitFor();
  assert(!(await page.content()).includes(key), "the secret is nowhere on the page any more");

  await row.getByRole("button", { name: "Revoke" }).click();
  const dialog = page.getByRole("alertdialog");
  assert(await dialog.getByRole("button", { name: "Revoke" }).isDisabled(), "not without the name");
  await t.picture("key-revoke", page);
  equal(await axe(page), [], "axe on the question");
  await dialog.getByRole("textbox").fill("checkout service");
  await dialog.getByRole("button", { name: "Revoke" }).click();
  await row.getByText("revoked", { exact: true }).waitFor();
  const refusal = async () => (await t.call("GET", "/api/v1/events?userId=x", undefined, key)).json.code;
  for (let n = 0; n < 100 && (await refusal()) !== "credential_revoked"; n += 1)
    await new Promise((done) => setTimeout(done, 100));
  equal(await refusal(), "credential_revoked", "the key");
  await page.context().close();
});

test("keys are looked through by name and state, of the rows that are loaded", async (t) => {
  const name = ` ${"a name as long as they may be ".repeat(3)}`;
  equal((await t.call("POST", "/api/v1/keys", { name, scopes: ["read"] })).status, 201, "the key");
  const page = await t.open({ width: 360, height: 740 });
  await t.signIn(page, undefined, "/keys");
  const rows = page.getByRole("region", { name: "API keys" }).locator("tbody tr");
  await page.getByLabel("Name or key").fill("AS LONG AS");
  await page.keyboard.press("Enter");
  await page.getByText(/1.key shown of the \d+ loaded/).waitFor();
  assert(page.url().endsWith("/keys?name=AS+LONG+AS"), `the filter is the URL: ${page.url()}`);
  await t.picture("keys-filtered-narrow", page);
  // A name is typed as it is seen, and is no wider than the page.
  await rows.getByRole("button", { name: "Revoke" }).click();
  const dialog = page.getByRole("alertdialog");
  await dialog.getByRole("textbox").fill(name.trim());
  equal(await sideways(page), 0, "pixels too wide");
  await t.picture("key-revoke-long-name", page);
  await dialog.getByRole("button", { name: "Revoke" }).click();
  await rows.getByText("revoked", { exact: true }).waitFor();
  await page.getByLabel("State").selectOption("active");
  await page.getByRole("button", { name: "Find" }).click();
  await page.getByText("No key matches").waitFor();
  equal(await axe(page), [], "axe on no match");
  await page.context().close();
});
