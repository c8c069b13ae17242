#!/usr/bin/env bash
# Everything that is tested of the console: format and lint, types, unit tests, the build and its size, then a real
# browser against a real API. The programs must be built (`cargo build --workspace --bins`).
set -euo pipefail
cd "$(dirname "$0")"

fail() { echo "$*" >&2; exit 1; }
command -v npm >/dev/null || fail "npm is missing: install Node 20.19 or newer (22 from 22.12)"
node scripts/node-version.mjs ||
  fail "Node $(node --version) does not build the console: install 20.19 or newer, or 22.12 or newer"
for program in curl redis-cli; do
  command -v $program >/dev/null || fail "$program is missing; the browser tests use it"
done

npm ci --no-audit --no-fund --loglevel=error

# The types are those of the document that the API prints.
types=$(mktemp)
trap 'rm -f "$types"' EXIT
npx openapi-typescript ../docs/openapi.json --output "$types" >/dev/null
cmp -s "$types" src/api/schema.d.ts || fail "src/api/schema.d.ts is out of date: npm --prefix frontend run types"

npm run --silent lint
npm run --silent check
npm run --silent unit
npm run --silent build
npm run --silent browser -- "$@"
