import { assert, equal, test } from "../runner.mjs";

const VIEWER = { email: "viewer@example.com", password: "a viewer's password" };

test("a viewer looks at everything and is refused every change", async (t) => {
  equal(
    (await t.call("POST", "/api/v1/users", { ...VIEWER, role: "viewer" })).status,
    201,
    "the viewer is made",
  );
  const page = await t.open();
  await t.signIn(page, VIEWER, "/keys");
  await page.getByText("Making and revoking needs the role admin").waitFor();
  assert(await page.getByRole("button", { name: "New key" }).isDisabled(), "no new key");
  const revoke = page.getByRole("button", { name: "Revoke" }).first();
  assert(await revoke.isDisabled(), "no revoking");
  await t.picture("keys-viewer", page);
  // The server does not rely on the page: the same session is refused there.
  const refused = await page.evaluate(async () => {
    const answer = await fetch("/api/v1/keys", {
      method: "POST",
      headers: { "content-type": "application/json", "x-requested-with": "console" },
      body: '{"scopes":["admin"]}',
    });
    return [answer.status, (await answer.json()).code];
  });
  equal(refused, [403, "forbidden"], "a change that the page would not offer");
  await page.goto(`${t.origin}/first-event`);
  await page.getByText("This needs the role admin").waitFor();
  await page.goto(`${t.origin}/dead-letters`);
  await page.getByRole("heading", { name: "Dead letters" }).waitFor();
  await page.context().close();
});
