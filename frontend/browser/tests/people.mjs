import { axe, change, sideways } from "../chromium.mjs";
import { assert, equal, test } from "../runner.mjs";

const ADA = { email: "ada@example.com", password: "analytical engine" };

test("a person is made, looks as a viewer, is kept out, and is deleted once their name is typed", async (t) => {
  const page = await t.open();
  await t.signIn(page, undefined, "/people");
  await page.getByRole("row", { name: /\(you\)/ }).waitFor();
  await page.getByRole("button", { name: "New person" }).click();
  const drawer = page.getByRole("dialog");
  await drawer.getByLabel("E-mail").fill("no address");
  await drawer.getByLabel("Password").fill("short");
  await drawer.getByRole("button", { name: "Make the person" }).click();
  await drawer.getByText(/An address such as name@example.com/).waitFor();
  await t.picture("person-fault", page);
  await drawer.getByLabel("E-mail").fill("Ada@Example.com");
  await drawer.getByLabel("Password").fill(ADA.password);
  equal(await axe(page), [], "axe on the new person");
  await drawer.getByRole("button", { name: "Make the person" }).click();
  await drawer.waitFor({ state: "detached" });
  const row = page.getByRole("row", { name: /ada@example\.com/ });
  await row.getByText("never", { exact: true }).waitFor();

  const hers = await t.open();
  await t.signIn(hers, ADA, "/people");
  await hers.getByText("Making and changing people needs the role admin").waitFor();
  for (const button of await hers.getByRole("button", { name: /^(New person|Change|Delete)/ }).all())
    assert(await button.isDisabled(), `no ${await button.textContent()} for a viewer`);
  await t.picture("people-viewer", hers);
  equal(await change(hers, "POST", "/api/v1/users", { ...ADA, role: "admin" }), [403, "forbidden"], "hers");

  await row.getByRole("button", { name: /^Change/ }).click();
  await drawer.getByRole("button", { name: "Save" }).click();
  await drawer.getByText("Nothing is different yet").waitFor();
  await drawer.getByLabel("Role").selectOption("admin");
  await drawer.getByLabel("New password").fill("difference engine");
  await drawer.getByRole("checkbox", { name: /Disabled/ }).check();
  equal(await drawer.getByText("Nothing is different yet").count(), 0, "words of what is over");
  await t.picture("person-change", page);
  equal(await axe(page), [], "axe on the change");
  await drawer.getByRole("button", { name: "Save" }).click();
  await drawer.waitFor({ state: "detached" });
  await row.getByText("disabled", { exact: true }).waitFor();
  await row.getByText("Administrator").waitFor();
  await hers.getByRole("link", { name: "API keys" }).click();
  await hers.waitForURL(/\/login/);
  await hers.getByLabel("E-mail").fill(ADA.email);
  await hers.getByLabel("Password").fill("difference engine");
  await hers.getByRole("button", { name: "Sign in" }).click();
  await hers.getByText(/password is wrong/).waitFor();

  await row.getByRole("button", { name: /^Change/ }).click();
  await drawer.getByRole("checkbox", { name: /Disabled/ }).uncheck();
  await drawer.getByRole("button", { name: "Save" }).click();
  await row.getByText("may sign in").waitFor();
  await hers.getByRole("button", { name: "Sign in" }).click();
  await hers.getByRole("button", { name: "New key" }).waitFor();

  await row.getByRole("button", { name: /^Delete/ }).click();
  const dialog = page.getByRole("alertdialog");
  assert(await dialog.getByRole("button", { name: "Delete" }).isDisabled(), "not without the name");
  await t.picture("person-delete", page);
  equal(await axe(page), [], "axe on the question");
  await dialog.getByRole("textbox").fill("ada@example.com");
  await dialog.getByRole("button", { name: "Delete" }).click();
  await row.waitFor({ state: "detached" });
  await hers.getByRole("link", { name: "Overview" }).click();
  await hers.waitForURL(/\/login/);
  await hers.context().close();
  await page.context().close();
});

test("the last administrator stays, and the API's words say why", async (t) => {
  const page = await t.open();
  await t.signIn(page, undefined, "/people");
  const own = page.getByRole("row", { name: /\(you\)/ });
  await own.getByRole("button", { name: /^Change/ }).click();
  const drawer = page.getByRole("dialog");
  await drawer.getByLabel("Role").selectOption("viewer");
  await drawer.getByRole("button", { name: "Save" }).click();
  const { json } = await t.call("GET", "/api/v1/users");
  const { id } = json.users.find(({ email }) => email === t.facts.login.email);
  const refused = await t.call("PATCH", `/api/v1/users/${id}`, { role: "viewer" });
  equal([refused.status, refused.json.code], [409, "last_admin"], "the refusal");
  const said = (await drawer.getByRole("alert").textContent()).toLowerCase();
  assert(said.includes(refused.json.detail.toLowerCase()), `the API's own words: ${said}`);
  await t.picture("person-last-admin", page);
  await page.keyboard.press("Escape");
  await own.getByRole("button", { name: /^Delete/ }).click();
  const dialog = page.getByRole("alertdialog");
  await dialog.getByRole("textbox").fill(t.facts.login.email);
  await dialog.getByRole("button", { name: "Delete" }).click();
  await dialog.getByRole("alert").waitFor();
  await dialog.getByRole("button", { name: "Cancel" }).click();
  await own.getByText("Administrator").waitFor();
  await page.context().close();
});

test("people come in pages, and the list keeps its last data with their age", async (t) => {
  const made = [];
  for (let n = 0; n < 12; n += 1) {
    const person = { email: `person-${n}@example.com`, password: "one of many", role: "viewer" };
    const { status, json } = await t.call("POST", "/api/v1/users", person);
    equal(status, 201, person.email);
    made.push(json.id);
  }
  const page = await t.open({ width: 360, height: 740 });
  await t.signIn(page, { email: "person-0@example.com", password: "one of many" }, "/settings");
  await page.getByLabel("Rows of a page in lists").selectOption("10");
  await page.getByText("Saved", { exact: true }).waitFor();
  await page.goto(`${t.origin}/people`);
  await page.getByText(/10.people shown, there are more/).waitFor();
  await page.getByRole("button", { name: "Show more" }).click();
  await page.getByText(/1[3-9].people shown/).waitFor();
  await page.getByLabel("Address").fill("person-1");
  await page.keyboard.press("Enter");
  // person-1, person-10 and person-11.
  await page.getByText(/3.people shown of the 1[3-9] loaded/).waitFor();
  await page.getByLabel("Role").selectOption("admin");
  await page.getByRole("button", { name: "Find" }).click();
  await page.getByText("Nobody matches").waitFor();
  await t.picture("people-filtered", page);
  await page.getByRole("button", { name: "Clear" }).click();
  equal(await sideways(page), 0, "pixels too wide");
  await page.route("**/api/v1/users?*", (route) => route.abort());
  await page.getByText(/These people are from/).waitFor({ timeout: 30_000 });
  await page.getByText("person-0@example.com", { exact: false }).first().waitFor();
  await t.picture("people-stale", page);
  for (const id of made) await t.call("DELETE", `/api/v1/users/${id}`);
  await page.context().close();
});
