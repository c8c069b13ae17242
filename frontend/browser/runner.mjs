// Tests one after the other, in the order they are written: each a sentence, each with its time.

const tests = [];

export function test(sentence, run) {
  tests.push({ sentence, run });
}

export function assert(holds, what) {
  if (!holds) throw new Error(what);
}

export function equal(found, wanted, what) {
  const [a, b] = [JSON.stringify(found), JSON.stringify(wanted)];
  if (a !== b) throw new Error(`${what}: found ${a}, wanted ${b}`);
}

/** Those whose sentence has `only`. A word that none has is a mistake, and no success. */
export function chosen(only = "") {
  const found = tests.filter(({ sentence }) => sentence.includes(only));
  if (found.length === 0) throw new Error(`no test has “${only}” in its sentence`);
  return found;
}

/** Runs them; answers how many failed. */
export async function runAll(context, those) {
  let [passed, failed] = [0, 0];
  for (const { sentence, run } of those) {
    const began = Date.now();
    try {
      await run(context);
      passed += 1;
      console.log(`ok    ${sentence} (${((Date.now() - began) / 1000).toFixed(1)} s)`);
    } catch (error) {
      failed += 1;
      console.log(`FAIL  ${sentence}\n      ${error.stack?.replaceAll("\n", "\n      ") ?? error}`);
      await context.picture?.(`failed-${failed}`);
    }
  }
  console.log(`\n${passed} passed, ${failed} failed`);
  return failed;
}
