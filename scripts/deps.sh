#!/usr/bin/env bash
# Installs what the pipeline runs on: redis-server and PostgreSQL from Debian's packages, FerretDB built with Go when
# there is no mongod. Leaves nothing running. With --browser also what the console's tests use: Chromium, curl, redis-cli.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/packages.sh

cache="${XDG_CACHE_HOME:-$HOME/.cache}/eventpipeline"
ferretdb_version=v1.24.2

postgres_there() {
  local version
  for version in /usr/lib/postgresql/*/bin/initdb; do
    [ -x "$version" ] && [ "$(basename "$(dirname "$(dirname "$version")")")" -ge 15 ] && return 0
  done
  command -v initdb >/dev/null
}

missing=()
command -v redis-server >/dev/null || missing+=(redis-server)
postgres_there || missing+=(postgresql)
# rustc links with cc; some crates build C code.
command -v cc >/dev/null || missing+=(gcc libc6-dev)

if [ "${1:-}" = --browser ]; then
  browser=${CHROMIUM:-}
  for name in chromium chromium-browser google-chrome; do [ -n "$browser" ] || browser=$(command -v $name || true); done
  [ -n "$browser" ] || missing+=(chromium)
  command -v curl >/dev/null || missing+=(curl)
  command -v redis-cli >/dev/null || missing+=(redis-tools)
fi

if [ ${#missing[@]} -gt 0 ]; then
  if ! can_install; then
    echo "These are missing: ${missing[*]}" >&2
    echo "On Debian or Ubuntu: sudo apt-get install ${missing[*]}   (then disable the services they start:" >&2
    echo "  sudo systemctl disable --now redis-server postgresql). Elsewhere: Redis 7 and PostgreSQL 15 or newer." >&2
    exit 1
  fi
  install_packages "${missing[@]}"
fi

if command -v mongod >/dev/null; then exit 0; fi
[ -x .tools/ferretdb ] && exit 0
mkdir -p .tools "$cache"
if [ ! -x "$cache/ferretdb-$ferretdb_version" ]; then
  if ! command -v go >/dev/null; then
    echo "Neither mongod nor Go is here: install MongoDB 7 (mongod and mongos), or Go 1.24 or newer, with which FerretDB is built" >&2
    exit 1
  fi
  echo "building FerretDB $ferretdb_version, which stands in for MongoDB (about a minute)"
  work=$(mktemp -d)
  trap 'chmod -R u+w "$work" 2>/dev/null; rm -rf "$work"' EXIT
  (
    cd "$work"
    go mod init scratch
    go get -tool github.com/FerretDB/FerretDB/cmd/ferretdb@$ferretdb_version
    cp -r "$(go list -m -f '{{.Dir}}' github.com/FerretDB/FerretDB)" source
    chmod -R u+w source
    cd source
    # Built straight from the module it panics at start: the version is read from this file.
    echo $ferretdb_version >build/version/version.txt
    CGO_ENABLED=0 go build -o "$cache/ferretdb.next" ./cmd/ferretdb
  ) >"$work/log" 2>&1 || { tail -20 "$work/log" >&2; echo "FerretDB could not be built; see above" >&2; exit 1; }
  mv "$cache/ferretdb.next" "$cache/ferretdb-$ferretdb_version"
fi
cp "$cache/ferretdb-$ferretdb_version" .tools/ferretdb
