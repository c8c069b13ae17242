import { axe } from "../chromium.mjs";
import { assert, equal, test } from "../runner.mjs";

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
  assert(
    (await page.evaluate(() => document.activeElement.textContent)) === "Find",
    "the focus stays where one searched",
  );
  await page.goto(`${t.origin}/events`);
  await page.getByLabel("User").fill("user-7");
  await page.getByLabel("Id of one event").fill("bad-1");
  await page.keyboard.press("Enter");
  await drawer.getByText(/^(dead letter|queued in Redis)$/).waitFor();
  await page.context().close();
});

test("a letter that was discarded stays, and is replayed after all", async (t) => {
  const open = async () => (await t.call("GET", "/api/v1/dlq")).json.items;
  for (let n = 0; n < 200 && (await open()).length < 3; n += 1)
    await new Promise((done) => setTimeout(done, 100));
  const page = await t.open();
  await t.signIn(page, undefined, "/dead-letters");
  await page.getByRole("button", { name: "bad-3" }).click();
  const drawer = page.getByRole("dialog");
  await drawer.getByRole("button", { name: "Discard" }).click();
  const question = page.getByRole("alertdialog");
  await question.getByText("The letter stays, as discarded.").waitFor();
  await t.picture("dead-letter-discard", page);
  await question.getByRole("textbox").fill("bad-3");
  await question.getByRole("button", { name: "Discard" }).click();
  await drawer.getByText("discarded", { exact: true }).waitFor();
  equal(await drawer.getByRole("button", { name: "Discard" }).count(), 0, "discarding twice");
  assert(await drawer.getByRole("button", { name: "Replay" }).isEnabled(), "it can be replayed");
  await page.keyboard.press("Escape");
  await page.getByLabel("State").selectOption("discarded");
  await page.getByRole("button", { name: "Find" }).click();
  await page.getByText(/^1.dead letter shown/).waitFor();
  const causes = page.getByRole("region", { name: "Dead letters by cause" });
  await causes.getByRole("button", { name: "Replay" }).click();
  await drawer.getByText(/1.letter with 1.event would be queued again/).waitFor();
  await drawer.getByRole("button", { name: /^Replay 1.letter/ }).click();
  await drawer.getByText(/were queued again/).waitFor();
  await page.context().close();
});

test("of many events the first are said to be that, and what does not decode is shown as it is", async (t) => {
  const page = await t.open({ width: 360, height: 740 });
  await t.signIn(page, undefined, "/dead-letters?status=all");
  let part = { eventCount: 21, bytes: 9_000 };
  await page.route(/\/api\/v1\/dlq\/\w+$/, async (route) => {
    const answer = await route.fetch();
    const json = await answer.json();
    await route.fulfill({ response: answer, json: { ...json, payload: { ...json.payload, ...part } } });
  });
  await page.getByRole("button", { name: "bad-2" }).click();
  const drawer = page.getByRole("dialog");
  await drawer.getByText("; the first 1 is shown").waitFor();
  part = { ...part, events: [], eventCount: 0, base64: "AAEC".repeat(200), error: "the payload is no event" };
  await page.reload();
  await drawer.getByText("It does not decode. The payload is no event.").waitFor();
  await drawer.getByText(/The first 4.KiB as base64/).waitFor();
  equal(await axe(page), [], "axe on a payload that does not decode");
  await t.picture("dead-letter-undecodable", page);
  await page.context().close();
});
