#!/usr/bin/env bash
# Builds images/Dockerfile without Docker and puts the images into the running cluster: images.sh [TARGET…]
# What did not change is neither built nor loaded again. The programs are taken from where cargo puts them, those of
# PROFILE (default: debug); REGISTRY and TAG make the names, eventpipeline.dev/TARGET:e2e by default.
set -euo pipefail
cd "$(dirname "$0")/.."
. e2e/cluster/settings.sh
need_root
for program in buildah debootstrap; do
  command -v $program >/dev/null || fail "$program is missing: e2e/cluster/build.sh installs it"
done

targets=("$@")
[ $# -gt 0 ] || targets=(operator api worker redis postgres mongo-double)
registry=${REGISTRY:-eventpipeline.dev} tag=${TAG:-e2e}
built="${CARGO_TARGET_DIR:-target}/${PROFILE:-debug}"
# Our programs link to this machine's libc: the base is the same release of the same distribution.
. /etc/os-release
base=localhost/$ID:$VERSION_CODENAME
images="$cache/images"
mkdir -p "$images" images/bin
exec 9>"$images/lock"
flock -w 600 9 || fail "another images.sh has held $images/lock for ten minutes"
export BUILDAH_ISOLATION=chroot # a root of fewer rights may not make the namespaces of a real container
# Where overlay mounts work they are used; else whole copies.
bud() { local command=$1; shift; buildah --root "$images/storage" --runroot "$images/runroot" "$command" "$@"; }

timed() { # WHAT COMMAND…: its output only when it fails
  local what=$1 began=${EPOCHREALTIME/[.,]/} tenths
  shift
  ("$@") >"$images/build.log" 2>&1 &
  wait $! || { tail -20 "$images/build.log" >&2; fail "$what failed; the whole log is $images/build.log"; }
  tenths=$(((${EPOCHREALTIME/[.,]/} - began) / 100000))
  echo "$what: $((tenths / 10)).$((tenths % 10)) s"
}

make_base() {
  local folder=$images/base components=main container
  if [ "$ID" = ubuntu ]; then components=main,universe; fi # redis-server is there
  rm -rf "$folder"
  debootstrap --variant=minbase --components=$components "$VERSION_CODENAME" "$folder"
  # As slim as the usual slim base: no manuals, of later packages neither.
  printf 'path-exclude /usr/share/%s/*\n' doc man locale info >"$folder/etc/dpkg/dpkg.cfg.d/slim"
  rm -rf "$folder"/var/cache/apt/* "$folder"/var/lib/apt/lists/* "$folder"/usr/share/{doc,man,locale,info}/*
  container=$(bud from scratch)
  bud add --quiet "$container" "$folder" /
  bud commit --quiet --rm "$container" "$base"
  rm -rf "$folder"
}

programs_of() {
  case $1 in
    operator | api | worker) echo "eventpipeline-$1" ;;
    mongo-double) echo mongod mongos ;;
  esac
}

# stage TARGET: its programs into the build's context, without what only a debugger reads.
stage() {
  local program from
  for program in $(programs_of "$1"); do
    [ -x "$built/$program" ] || fail "$built/$program is missing: cargo build --workspace --bins makes it"
    from=$(stat -c '%n %s %y' "$built/$program")
    [ "$(cat "images/bin/$program.from" 2>/dev/null)" = "$from" ] && continue
    strip --strip-debug -o "images/bin/$program" "$built/$program"
    echo "$from" >"images/bin/$program.from"
  done
}

# The console that was built last, or an empty folder: the API then says how it is built.
stage_console() {
  rm -rf images/bin/console
  mkdir -p images/bin/console
  if [ -e frontend/dist/index.html ]; then cp -r frontend/dist/. images/bin/console/; fi
}

# What an image is made of; the base's id stands for all that is in it.
inputs() {
  local program
  sha256sum images/Dockerfile | cut -d' ' -f1
  bud images --quiet --no-trunc "$base"
  for program in $(programs_of "$1"); do sha256sum <"images/bin/$program"; done
  if [ "$1" = api ]; then (cd images/bin/console && find . -type f | sort | xargs -r sha256sum); fi
}

build() { # TARGET NAME
  rm -f "$images/$1.tar"
  bud build --layers --pull=never --format docker --build-arg "BASE=$base" --target "$1" --tag "$2" images
  bud push --quiet "$2" "docker-archive:$images/$1.tar:$2"
}

bud inspect --type image "$base" >/dev/null 2>&1 || timed "base $base" make_base
for target in "${targets[@]}"; do
  stage "$target"
  if [ "$target" = api ]; then stage_console; fi
  name="$registry/$target:$tag"
  sum=$( (echo "$name"; inputs "$target") | sha256sum | cut -d' ' -f1)
  if [ ! -e "$images/$target.tar" ] || [ "$(cat "$images/$target.sum" 2>/dev/null)" != "$sum" ]; then
    timed "build $name" build "$target" "$name"
    echo "$sum" >"$images/$target.sum"
  fi
  running containerd >/dev/null || continue
  # Noted in containerd's own folder, so that the note goes when its images do.
  if [ "$(cat "$run/images/$target.sum" 2>/dev/null)" != "$sum" ]; then
    timed "load $name" ctr_ images import "$images/$target.tar"
    echo "$sum" >"$run/images/$target.sum"
  fi
done
bud rmi --prune >/dev/null 2>&1 || true # what earlier builds of the same names left
running containerd >/dev/null || echo "the cluster is not up: images are built and not loaded"
