# Sourced by every script here: what is pinned, where things lie, and who runs what.

kubernetes=v1.35.4 # the last minor that still talks to containerd 1.x, which Debian 12 has
staging=v0.35.4    # the same release of the k8s.io/* libraries
etcd=v3.6.6
coredns=v1.15.0
helm=v3.22.0
kube_router=v2.1.0 # of it only what carries out network policies

# What was built, by name and version: shared by all clones of a machine, and by all its users' runs.
cache="${XDG_CACHE_HOME:-$HOME/.cache}/eventpipeline/cluster"
export PATH="$cache/kubernetes-$kubernetes:$cache/etcd-$etcd:$cache/coredns-$coredns:$cache/helm-$helm:$cache/kube-router-$kube_router:/usr/local/sbin:/usr/sbin:/sbin:$PATH"

# The one cluster of this machine: ports, bridge and cgroups are fixed, so there cannot be two. Its whole state is here.
run=/var/lib/eventpipeline-cluster
node=node0
# A bridge of our own carries pods and node; nothing listens on an address that another machine can reach.
bridge=eventpipeline0
ip=10.244.0.1
subnet=10.244.0.0/24

kube() { kubectl --kubeconfig "$run/kubeconfig" "$@"; }
ctr_() { ctr -a "$run/containerd.sock" -n k8s.io "$@"; }
fail() { echo "$*" >&2; exit 1; }
need_root() { [ "$(id -u)" = 0 ] || fail "the cluster needs root: it makes a bridge, mounts and cgroups"; }

# A pid alone may belong to someone else by now; with the time it started it is that process and no other. Nothing for
# one that has ended and was not collected yet.
started() { sed -n '/) Z /d; s/.*) //p' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }
# running NAME: prints the pid when the process that was started under this name is alive.
running() {
  local pid since
  read -r pid since 2>/dev/null <"$run/pids/$1" || return 1
  [ -n "$since" ] && [ "$(started "$pid")" = "$since" ] && echo "$pid"
}
