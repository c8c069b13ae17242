// Debian's Chromium, and pages in it that watch what must not happen: a request to elsewhere, a refusal of the
// Content-Security-Policy, an error that nobody caught.
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const PLACES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const SHOTS = fileURLToPath(new URL("./shots/", import.meta.url));
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
/** Findings that keep people out. */
const SERIOUS = ["serious", "critical"];

export async function startBrowser(origin) {
  const program = process.env.CHROMIUM ?? PLACES.find((place) => existsSync(place));
  if (!program) throw new Error(`no Chromium at ${PLACES.join(", ")}; install it, or name it in CHROMIUM`);
  mkdirSync(SHOTS, { recursive: true });
  const root = process.getuid?.() === 0;
  const browser = await chromium.launch({ executablePath: program, args: root ? ["--no-sandbox"] : [] });
  /** What must stay empty. */
  const faults = [];
  const origins = [origin];
  let current;

  async function open({ theme = "light", width = 1280, height = 800 } = {}) {
    const context = await browser.newContext({
      viewport: { width, height },
      colorScheme: theme,
      locale: "en-GB",
      timezoneId: "Europe/Vienna",
      reducedMotion: "reduce",
    });
    const page = await context.newPage();
    // Other tests and a whole cluster may share the cores.
    page.setDefaultTimeout(45_000);
    current = page;
    page.on("request", (request) => {
      const url = request.url();
      if (
        !origins.some((own) => url.startsWith(`${own}/`)) &&
        !url.startsWith("data:") &&
        !url.startsWith("blob:")
      ) {
        faults.push(`a request left the origin: ${url}`);
      }
    });
    page.on("pageerror", (error) => faults.push(`an error that nobody caught: ${error.message}`));
    page.on("console", (message) => {
      const text = message.text();
      // Refusals of the API are part of the tests; the browser logs each, and the router those before a screen.
      const expected = text.startsWith("Failed to load resource") || text.startsWith("ProblemError");
      if (message.type() === "error" && !expected) faults.push(text);
      else if (text.includes("Content Security Policy")) faults.push(text);
    });
    return page;
  }

  async function picture(name, page = current) {
    await page?.screenshot({ path: `${SHOTS}${name}.png` }).catch(() => undefined);
  }

  return { open, picture, faults, allow: (another) => origins.push(another), close: () => browser.close() };
}

/** Serious findings of axe, as lines. It is put in over the debugger, which no policy of the page stops. */
export async function axe(page) {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() =>
    globalThis.axe.run(document, { resultTypes: ["violations"] }),
  );
  return violations
    .filter(({ impact }) => SERIOUS.includes(impact))
    .flatMap(({ id, nodes }) =>
      nodes.map(({ target, failureSummary }) => `${id}: ${target} ${failureSummary}`),
    );
}

/** How much wider the page is than its window. */
export function sideways(page) {
  return page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
}

/** A change that the page would not offer, by its own session. */
export function change(page, method, path, body) {
  return page.evaluate(
    async ([method, path, body]) => {
      const headers = { "content-type": "application/json", "x-requested-with": "console" };
      const answer = await fetch(path, { method, headers, body: JSON.stringify(body) });
      return [answer.status, (await answer.json()).code];
    },
    [method, path, body],
  );
}
