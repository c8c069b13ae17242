#!/usr/bin/env bash
# Builds the programs of a one-node Kubernetes cluster from their Go modules into the cache folder, each under its name
# and version, and installs what comes from Debian. 12 minutes on 2 cores from a cold Go cache; seconds when all is there.
# `build.sh helm` builds helm alone, for the tests of the chart: three minutes, no root, nothing but Go and flock.
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/packages.sh
. e2e/cluster/settings.sh
case "$*" in
  "") need_root ;;
  helm) if [ -d "$cache/helm-$helm" ]; then exit 0; fi ;;
  *) fail "usage: e2e/cluster/build.sh [helm]" ;;
esac

packages() {
  local missing=() pair
  # program or file / package
  for pair in containerd:containerd runc:runc iptables:iptables ipset:ipset conntrack:conntrack ip:iproute2 openssl:openssl \
    debootstrap:debootstrap buildah:buildah cc:gcc strip:binutils flock:util-linux; do
    command -v "${pair%%:*}" >/dev/null || missing+=("${pair##*:}")
  done
  [ -x /usr/lib/cni/bridge ] || missing+=(containernetworking-plugins)
  [ -e /usr/include/stdlib.h ] || missing+=(libc6-dev)
  [ ${#missing[@]} -eq 0 ] && return
  can_install || fail "missing: ${missing[*]}. On Debian or Ubuntu, as root, this script installs them"
  install_packages "${missing[@]}"
}

# module FOLDER: an empty module in which a program's own can be required.
module() { mkdir "$1" && cd "$1" && printf 'module tools\n\ngo 1.26\n' >go.mod; }

# k8s.io/kubernetes replaces its k8s.io/* libraries by folders of its own tree, so a module that uses it must say which
# published version stands for each of them.
build_kubernetes() {
  local out=$1 mod program programs=(kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy kubectl)
  module "$work/kubernetes"
  mod=$(go mod download -json "k8s.io/kubernetes@$kubernetes" | sed -n 's/.*"GoMod": "\(.*\)".*/\1/p')
  {
    printf '\nrequire k8s.io/kubernetes %s\n\nreplace (\n' "$kubernetes"
    sed -nE "s#^\s+(k8s.io/[a-z-]+) => \./staging.*#\t\1 => \1 $staging#p" "$mod"
    printf ')\n'
  } >>go.mod
  {
    printf 'package tools\n\nimport (\n'
    printf '\t_ "k8s.io/kubernetes/cmd/%s"\n' "${programs[@]}"
    printf ')\n'
  } >tools.go
  go mod tidy
  local set=k8s.io/component-base/version
  local flags="-s -w -X $set.gitVersion=$kubernetes -X $set.gitMajor=1 -X $set.gitMinor=35 -X $set.gitTreeState=clean"
  for program in "${programs[@]}"; do
    go build -trimpath -ldflags "$flags" -o "$out/$program" "k8s.io/kubernetes/cmd/$program"
  done
}

# Modules of their own: CoreDNS asks for newer k8s.io libraries than the release above.
build_tool() { # out-folder program package version
  module "$work/$2"
  go get -tool "$3@$4"
  go build -trimpath -ldflags '-s -w' -o "$1/$2" "$3"
}

# The image of every pod's sandbox: one static program, packed as `docker save` packs.
build_pause() {
  mkdir "$work/pause"
  gcc -static -O2 -s -o "$work/pause/pause" e2e/cluster/pause.c
  cd "$work/pause"
  tar -cf layer.tar --owner=0 --group=0 pause
  local architecture
  architecture=$(go env GOARCH)
  printf '{"architecture":"%s","os":"linux","config":{"Entrypoint":["/pause"]},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' \
    "$architecture" "$(sha256sum layer.tar | cut -d' ' -f1)" >config.json
  printf '[{"Config":"config.json","RepoTags":["localhost/pause:1"],"Layers":["layer.tar"]}]' >manifest.json
  tar -cf "$1/pause.tar" config.json layer.tar manifest.json
}

# once NAME FUNCTION ARGUMENTS…: fills the cache folder NAME, whole or not at all, unless it is there.
once() {
  local name=$1 build=$2 began=$SECONDS
  shift 2
  if [ -d "$cache/$name" ]; then return; fi
  echo "building $name"
  rm -rf "$cache/$name.next"
  mkdir "$cache/$name.next"
  # Its own process: `set -e` would not hold in a function whose result is asked for.
  ("$build" "$cache/$name.next" "$@") >"$cache/build.log" 2>&1 &
  wait $! || { tail -20 "$cache/build.log" >&2; fail "$name could not be built; the whole log is $cache/build.log"; }
  mv "$cache/$name.next" "$cache/$name"
  echo "built $name in $((SECONDS - began)) s"
}

[ "$*" = helm ] || packages
mkdir -p "$cache"
exec 9>"$cache/lock"
flock -w 1800 9 || fail "another build.sh has held $cache/lock for 30 minutes" # one cold build takes 12
command -v go >/dev/null || fail "Go is missing: 1.26 or newer builds helm and the cluster's programs"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export CGO_ENABLED=0 GOFLAGS="${GOFLAGS:-} -buildvcs=false"

once "helm-$helm" build_tool helm helm.sh/helm/v3/cmd/helm "$helm"
if [ "$*" = helm ]; then exit 0; fi
once "kubernetes-$kubernetes" build_kubernetes
once "etcd-$etcd" build_tool etcd go.etcd.io/etcd/server/v3 "$etcd"
once "coredns-$coredns" build_tool coredns github.com/coredns/coredns "$coredns"
once "kube-router-$kube_router" build_tool kube-router github.com/cloudnativelabs/kube-router/v2/cmd/kube-router "$kube_router"
once pause-1 build_pause
