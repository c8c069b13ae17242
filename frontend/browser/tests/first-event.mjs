import { spawnSync } from "node:child_process";
import { assert, test } from "../runner.mjs";

test("the first event appears after its curl was pasted into a shell", async (t) => {
  const page = await t.open();
  await t.signIn(page);
  await page.getByText("No event has come yet").waitFor();
  await t.picture("overview-empty", page);
  await page.getByRole("link", { name: "Send the first event" }).click();
  await page.getByText("Waiting for your first event").waitFor();
  await page.getByRole("button", { name: "Make a key" }).click();
  const command = page.getByLabel("Command that sends an event");
  await command.getByText(/epk_\w+_\w+/).waitFor();
  await t.picture("first-event-waiting", page);
  const sent = spawnSync("sh", ["-c", await command.textContent()], { encoding: "utf8" });
  assert(
    sent.stdout.includes('"accepted"'),
    `the command as it stands is taken: ${sent.stdout}${sent.stderr}`,
  );
  await page.getByText("Your event is stored.").waitFor();
  await t.picture("first-event-stored", page);
  await page.getByRole("link", { name: "See all events of this user" }).click();
  await page.getByRole("region", { name: "Events" }).getByText("hello", { exact: true }).waitFor();
  await page.context().close();
});
