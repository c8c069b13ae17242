import { axe } from "../chromium.mjs";
import { assert, equal, test } from "../runner.mjs";

const EVA = { email: "eva@example.com", password: "the first password" };

/** Made by whichever test comes first. */
async function makeEva(t) {
  const { status } = await t.call("POST", "/api/v1/users", { ...EVA, role: "viewer" });
  assert(status === 201 || status === 409, `the person is there: ${status}`);
}

test("theme and time zone chosen in settings or in the top bar are one, and stay", async (t) => {
  await makeEva(t);
  const page = await t.open();
  await t.signIn(page, EVA, "/settings");
  await page.getByLabel("Theme", { exact: true }).selectOption("dark");
  await page.waitForFunction(() => document.documentElement.dataset.theme === "dark");
  await page.getByLabel("Theme: dark").waitFor();
  // "Saved" may still be about the theme: what is asked for again must have been kept.
  const kept = page.waitForResponse(
    (response) => response.ok() && (response.request().postData() ?? "").includes("Asia/Tokyo"),
  );
  await page.getByLabel("Time zone").selectOption("Asia/Tokyo");
  await page.getByLabel("Times: Asia/Tokyo").waitFor();
  await page.getByText(/^Now it is \d{4}-\d\d-\d\d .* GMT\+9$/).waitFor();
  await page.getByText("Saved", { exact: true }).waitFor();
  await kept;
  await page.reload({ waitUntil: "commit" });
  await page.waitForFunction(() => document.documentElement.dataset.theme === "dark");
  await page.getByLabel("Times: Asia/Tokyo").waitFor();
  equal(await page.getByLabel("Time zone").inputValue(), "Asia/Tokyo", "the zone after a reload");

  await page.getByLabel("Times: Asia/Tokyo").click();
  await page.getByRole("menuitemradio", { name: "UTC" }).click();
  await page.getByText(/^Now it is .* UTC$/).waitFor();
  equal(await page.getByLabel("Time zone").inputValue(), "UTC", "the zone chosen in the top bar");
  await page.getByLabel("Theme: dark").click();
  await page.getByRole("menuitemradio", { name: "Light" }).click();
  await page.waitForFunction(() => document.documentElement.dataset.theme === "light");
  equal(await page.getByLabel("Theme", { exact: true }).inputValue(), "light", "the theme of the top bar");

  await page.route("**/api/v1/settings", (route) => route.abort());
  await page.getByLabel("Theme", { exact: true }).selectOption("dark");
  await page.getByText("Not kept.").waitFor();
  await page.waitForFunction(() => document.documentElement.dataset.theme === "light");
  await t.picture("settings-not-kept", page);
  await page.unroute("**/api/v1/settings");
  await page.context().close();
});

test("a person takes another password and stays signed in here, and nowhere else", async (t) => {
  await makeEva(t);
  const [page, elsewhere] = [await t.open(), await t.open()];
  await t.signIn(elsewhere, EVA);
  await t.signIn(page, EVA, "/settings");
  const form = async (current, next, again) => {
    await page.getByLabel("Present password").fill(current);
    await page.getByLabel("New password", { exact: true }).fill(next);
    await page.getByLabel("New password, again").fill(again);
    await page.getByRole("button", { name: "Change the password" }).click();
  };
  await form(EVA.password, "the second password", "the sekond password");
  await page.getByText("This is another one than the first time.").waitFor();
  await form("a guess", "the second password", "the second password");
  await page.getByText("The present password is another one.").waitFor();
  equal(await axe(page), [], "axe on the refusal");
  await t.picture("settings-wrong-password", page);
  await form(EVA.password, "the second password", "the second password");
  await page.getByText("Your password is changed.").waitFor();
  equal(await page.getByLabel("Present password").inputValue(), "", "the form is empty again");
  await page.getByRole("link", { name: "People" }).click();
  await page.getByRole("row", { name: /\(you\)/ }).waitFor();
  // The overview asks every few seconds, and is refused.
  await elsewhere.waitForURL(/\/login/);
  await t.signIn(elsewhere, { ...EVA, password: "the second password" });
  await page.context().close();
  await elsewhere.context().close();
});

test("the limits in force stand beside the field that changes them", async (t) => {
  const page = await t.open();
  await t.signIn(page, undefined, "/settings");
  const row = page.getByRole("region", { name: "Limits in force" }).getByRole("row", { name: /^Batch/ });
  const text = await row.textContent();
  const { json } = await t.call("GET", "/api/v1/limits");
  assert(
    text.includes(json.batchEventsMax.toLocaleString("en-US")) && text.includes("spec.api.maxBatchEvents"),
    `the limit and its field: ${text}`,
  );
  await page.context().close();
});
