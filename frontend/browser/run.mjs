// The console in a real browser against a real API. `npm run browser -- WORDS` runs the tests whose sentence has them.
import { startBrowser } from "./chromium.mjs";
import { startPipeline } from "./pipeline.mjs";
import { chosen, runAll } from "./runner.mjs";
import "./tests/session.mjs";
import "./tests/first-event.mjs";
import "./tests/events.mjs";
import "./tests/keys.mjs";
import "./tests/people.mjs";
import "./tests/settings.mjs";
import "./tests/dead-letters.mjs";
import "./tests/viewer.mjs";
import "./tests/states.mjs";
import "./tests/read-only.mjs";
import "./tests/looks.mjs";

// Before anything is started.
const tests = chosen(process.argv[2]);
const pipeline = await startPipeline();
let failed = 1;
let browser;
try {
  browser = await startBrowser(pipeline.facts.console);
  failed = await runAll({ ...pipeline, ...browser, ...people(pipeline.facts) }, tests);
} finally {
  await browser?.close();
  await pipeline.stop();
}
process.exit(failed === 0 ? 0 : 1);

function people({ console: origin, login }) {
  return {
    origin,
    /** Signs in through the form. */
    signIn: async (page, { email, password } = login, path = "/", at = origin) => {
      await page.goto(`${at}${path}`);
      await page.getByLabel("E-mail").fill(email);
      await page.getByLabel("Password").fill(password);
      await page.getByRole("button", { name: "Sign in" }).click();
      await page
        .getByRole("navigation", { name: "Main" })
        .or(page.getByLabel("Open the navigation"))
        .first()
        .waitFor();
    },
  };
}
