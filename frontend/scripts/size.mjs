// The JavaScript that the first page loads, gzipped, against its budget: what index.html names, and what that imports
// before it shows anything.
import { readdirSync, readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const BUDGET_KB = 200;
const dist = new URL("../dist/", import.meta.url);
const html = readFileSync(new URL("index.html", dist), "utf8");
const names = [...html.matchAll(/(?:src|href)="\/([^"]+\.js)"/g)].map((match) => match[1]);
const seen = new Map();
while (names.length > 0) {
  const name = names.pop();
  if (seen.has(name)) continue;
  const text = readFileSync(new URL(name, dist));
  seen.set(name, gzipSync(text).length);
  // Static imports only: `import("…")` is loaded when its screen is opened.
  for (const match of text.toString().matchAll(/(?:from|import)\s*"\.\/([^"]+\.js)"/g))
    names.push(`assets/${match[1]}`);
}
const kb = [...seen.values()].reduce((sum, bytes) => sum + bytes, 0) / 1024;
const all = readdirSync(new URL("assets/", dist))
  .filter((name) => name.endsWith(".js"))
  .reduce((sum, name) => sum + gzipSync(readFileSync(new URL(`assets/${name}`, dist))).length, 0);
console.log(
  `first load: ${kb.toFixed(1)} KB of JavaScript, gzipped, in ${seen.size} files (at most ${BUDGET_KB} KB); ` +
    `all screens: ${(all / 1024).toFixed(1)} KB`,
);
if (kb > BUDGET_KB) process.exit(1);
