#!/usr/bin/env bash
# Builds the console into frontend/dist where Node is there and a source is newer than what was built; says so where it
# is not. The pipeline runs without it.
set -euo pipefail
cd "$(dirname "$0")/../frontend"

skip() {
  echo "console: not built, $1; the API serves /api on its port and a page that says how (README, Console)"
  exit 0
}
command -v npm >/dev/null && command -v node >/dev/null || skip "npm is not here: install Node 20.19 or newer"
node scripts/node-version.mjs 2>/dev/null || skip "Node $(node --version) is too old: 20.19 or newer, or 22.12 or newer"

built=dist/index.html
sources="src public index.html package-lock.json vite.config.ts scripts"
# shellcheck disable=SC2086 # a list
if [ -f $built ] && [ -z "$(find $sources -newer $built -print -quit)" ]; then exit 0; fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
echo "console: building it (half a minute the first time)"
if ! { { [ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --no-audit --no-fund; } && npm run build; } >"$log" 2>&1; then
  tail -15 "$log" >&2
  skip "its build failed, see above"
fi
tail -1 "$log"
