import { assert, equal, test } from "../runner.mjs";

test("a page without a session goes to the login, and from there to where it was going", async (t) => {
  const page = await t.open();
  await page.goto(`${t.origin}/events?userId=nobody`);
  await page.waitForURL(/\/login\?next=/);
  await page.getByLabel("E-mail").fill(t.facts.login.email);
  await page.getByLabel("Password").fill("not the password");
  await page.getByRole("button", { name: "Sign in" }).click();
  assert((await page.getByRole("alert").textContent()).includes("wrong"), "the refusal is said in words");
  await page.getByLabel("Password").fill(t.facts.login.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL(`${t.origin}/events?userId=nobody`);
  await page.getByText("No event matches").waitFor();
  await page.context().close();
});

test("the session is out of reach of scripts, and ends with signing out", async (t) => {
  const page = await t.open();
  await t.signIn(page);
  equal(await page.evaluate(() => document.cookie), "", "cookies that a script sees");
  const [cookie] = await page.context().cookies(`${t.origin}/api`);
  equal([cookie.name, cookie.httpOnly, cookie.sameSite], ["ep_session", true, "Strict"], "the cookie");
  const stored = await page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }));
  assert(!stored.includes("eyJ"), "no token is kept by the page");
  const without = await page.evaluate(async () => {
    const answer = await fetch("/api/v1/keys", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: '{"scopes":["read"]}',
    });
    return [answer.status, (await answer.json()).code];
  });
  equal(without, [403, "cross_site"], "a change that the console did not ask for");
  await page.getByLabel("Account").click();
  await page.getByRole("menuitem", { name: "Sign out" }).click();
  await page.waitForURL(`${t.origin}/login`);
  equal((await page.context().cookies(`${t.origin}/api`)).length, 0, "cookies after signing out");
  await page.goto(`${t.origin}/keys`);
  await page.waitForURL(/\/login/);
  await page.context().close();
});
