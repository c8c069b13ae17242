// A real pipeline for the browser to look at: `eventpipeline dev` on free ports, its data in a temporary folder.
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const TARGET = process.env.CARGO_TARGET_DIR ?? join(ROOT, "target");
const PROGRAM = join(TARGET, "debug", "eventpipeline");
/** Stores, API and worker on a busy machine. */
const START_MS = 120_000;
/** Workers finish what is in hand, stores write their data. */
const STOP_MS = 60_000;

/** `spec`: that of the EventPipeline, as YAML on one line; the smallest one when it is left out. */
export async function startPipeline(spec = "{}") {
  const data = mkdtempSync(join(tmpdir(), "eventpipeline-console-"));
  const manifest = join(data, "pipeline.yaml");
  const kind = "apiVersion: eventpipeline.dev/v1alpha1\nkind: EventPipeline\nmetadata: {name: laptop}";
  writeFileSync(manifest, `${kind}\nspec: ${spec}\n`);
  let output = "";
  // From the root of the tree: the API finds frontend/dist there, and the stores their programs.
  const child = spawn(PROGRAM, ["dev", manifest, "--data", data, "--free-ports"], {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "pipe"],
  });
  child.stdout.on("data", (text) => {
    output += text;
  });
  child.stderr.on("data", (text) => {
    output += text;
  });
  const ended = new Promise((resolve) => {
    child.on("exit", resolve);
    child.on("error", (error) => resolve(error.message));
  });
  const stop = async () => {
    child.kill("SIGTERM");
    const left = await Promise.race([ended.then(() => false), sleep(STOP_MS, true, { ref: false })]);
    if (left) child.kill("SIGKILL");
    // PostgreSQL's data may be elsewhere, since it does not run as root; the program knows where.
    spawnSync(PROGRAM, ["reset", "--data", data], { cwd: ROOT });
    rmSync(data, { recursive: true, force: true });
  };
  const facts = await Promise.race([
    readyFacts(join(data, "dev.json")),
    ended.then((how) => Promise.reject(new Error(`eventpipeline dev ended with ${how}:\n${output}`))),
  ]).catch(async (error) => {
    await stop();
    throw error;
  });
  return { facts, stop, ...client(facts) };
}

async function readyFacts(path) {
  const until = Date.now() + START_MS;
  while (Date.now() < until) {
    try {
      // Written once everything answers.
      return JSON.parse(readFileSync(path, "utf8"));
    } catch {
      await sleep(200);
    }
  }
  throw new Error(`the pipeline did not start within ${START_MS / 1000} s`);
}

/** What tests prepare beside the browser, with the first API key. */
function client(facts) {
  const call = async (method, path, body, key = facts.apiKey) => {
    const answer = await fetch(facts.console + path, {
      method,
      headers: { "x-api-key": key, "content-type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await answer.text();
    return { status: answer.status, json: text ? JSON.parse(text) : undefined };
  };
  const redis = (...words) => {
    const done = spawnSync("redis-cli", ["-u", facts.redis, ...words], { encoding: "utf8" });
    if (done.status !== 0) throw new Error(`redis-cli ${words[0]}: ${done.stderr}`);
  };
  return { call, redis };
}
