#!/usr/bin/env bash
# `make e2e`: from nothing to a verdict on a real cluster, and back to nothing. run.sh [--keep] [OPTIONS OF THE DRIVER]
# With --keep the cluster stays up afterwards; the next run takes it over. Other options: run.sh --help
set -euo pipefail
cd "$(dirname "$0")/.."
. e2e/cluster/settings.sh
export PROFILE=${PROFILE:-debug} # or release, whose figures count
built="${CARGO_TARGET_DIR:-target}/$PROFILE"
release=()
[ "$PROFILE" = debug ] || release=(--release)

keep='' arguments=()
for argument in "$@"; do
  if [ "$argument" = --keep ]; then keep=yes; else arguments+=("$argument"); fi
done
case " ${arguments[*]} " in
  *" --help "* | *" -h "* | *" --version "*)
    echo "run.sh [--keep] [OPTIONS]: --keep leaves the cluster up; the other options are those of"
    exec cargo run --quiet --package eventpipeline-e2e -- "${arguments[@]}"
    ;;
esac

missing=()
[ "$(id -u)" = 0 ] || missing+=("root: the cluster makes a bridge, mounts and cgroups (sudo -E env \"PATH=\$PATH\" make e2e)")
command -v go >/dev/null || missing+=("Go 1.26 or newer, with which the cluster's programs are built: https://go.dev/dl")
command -v cargo >/dev/null || missing+=("Rust, with which ours are built: https://rustup.rs")
command -v apt-get >/dev/null || missing+=("Debian 12 or Ubuntu, whose packages hold containerd and the stores")
if [ ${#missing[@]} -gt 0 ]; then
  echo "make e2e needs:" >&2
  printf '  %s\n' "${missing[@]}" >&2
  exit 2
fi
# One cluster on a machine, and a run deletes what it finds of an earlier one.
exec 8>/run/eventpipeline-e2e.lock
flock -n 8 || fail "another make e2e is at work on this machine, which can have one cluster"

driver=
finish() {
  local code=$?
  trap - EXIT
  if [ -n "$driver" ]; then kill "$driver" 2>/dev/null || true; fi
  if [ -n "$keep" ]; then
    echo "the cluster is kept. To use it: eval \"\$(e2e/cluster/up.sh)\"; to stop it: make cluster-down"
  else
    e2e/cluster/down.sh 8>&- || code=1
  fi
  exit "$code"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

step() { # WHAT COMMAND…
  local what=$1 began=$SECONDS
  shift
  "$@" 8>&- # nothing that outlives this run may hold its lock
  printf '       %6d s  %s\n' $((SECONDS - began)) "$what"
}
step "the cluster's programs are there" e2e/cluster/build.sh
step "our programs are built" cargo build --workspace --bins "${release[@]}"
step "the console is built, where Node is" scripts/console.sh
up() { e2e/cluster/up.sh >/dev/null; }
step "the cluster is up" up
step "the images are in it" e2e/images.sh

export KUBECONFIG=$run/kubeconfig
# In the background: a signal then ends the run at once, and the driver with it.
"$built/e2e" "${arguments[@]}" 8>&- &
driver=$!
code=0
wait $driver || code=$?
driver=
exit $code
