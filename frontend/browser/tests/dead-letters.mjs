import { axe } from "../chromium.mjs";
import { equal, test } from "../runner.mjs";

test("a dead letter is found by its cause, read, and replayed after a look at what would be done", async (t) => {
  // FerretDB takes no key with a leading `$`, so these become dead letters here.
  const bad = (n) => ({ id: `bad-${n}`, type: "price.changed", userId: "user-7", properties: { $price: n } });
  equal(
    (await t.call("POST", "/api/v1/events/batch", [bad(1), bad(2), bad(3)])).json.accepted,
    3,
    "events taken",
  );
  const page = await t.open();
  await t.signIn(page);
  await page.getByRole("link", { name: "look at them" }).click();
  const causes = page.getByRole("region", { name: "Dead letters by cause" });
  await causes.getByText("price.changed").waitFor();
  await page.getByRole("button", { name: "bad-2" }).click();
  const drawer = page.getByRole("dialog");
  await drawer.getByLabel("Event bad-2").getByText("$price").waitFor();
  await t.picture("dead-letter-drawer", page);
  equal(await axe(page), [], "axe on the letter");
  await page.keyboard.press("Escape");

  await causes.getByRole("button", { name: "Replay" }).click();
  await drawer.getByText("would be queued again").waitFor();
  equal(
    (await t.call("GET", "/api/v1/dlq?status=replayed")).json.items.length,
    0,
    "letters replayed by the dry run",
  );
  await t.picture("replay-dry-run", page);
  equal(await axe(page), [], "axe on the replay");
  await drawer.getByRole("button", { name: /^Replay 3.letters/ }).click();
  await drawer.getByText(/3.letters with 3.events were queued again/).waitFor();
  await drawer.getByRole("button", { name: "Done" }).click();
  await page.getByLabel("State").selectOption("all");
  await page.getByRole("button", { name: "Find" }).click();
  await page.getByRole("button", { name: "bad-2" }).waitFor();
  await page.context().close();
});
