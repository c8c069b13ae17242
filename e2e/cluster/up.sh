#!/usr/bin/env bash
# Starts the one-node cluster that build.sh built, in about 10 s. Does nothing when it is up and well; what a crashed
# run left is removed first. Prints what a shell needs to use it: eval "$(e2e/cluster/up.sh)".
set -euo pipefail
umask 022 # what a pod of any user has to read
cd "$(dirname "$0")"
here=$PWD
. ./settings.sh
. ./certificates.sh
need_root
command -v kube-apiserver >/dev/null || fail "the cluster's programs are not in $cache: run e2e/cluster/build.sh"

say() { echo "$*" >&2; }
told() { printf 'export KUBECONFIG=%q\nexport PATH=%q:"$PATH"\n' "$run/kubeconfig" "$cache/kubernetes-$kubernetes:$cache/helm-$helm"; }
parts=(etcd apiserver controller-manager scheduler containerd coredns kubelet proxy policies volumes)
well() {
  local part
  for part in "${parts[@]}"; do running $part >/dev/null || return 1; done
  kube get --raw /readyz --request-timeout=3s >/dev/null 2>&1 &&
    [ "$(kube get node $node --request-timeout=3s -o jsonpath='{.status.conditions[?(@.type=="Ready")].status}' 2>/dev/null)" = True ]
}

exec 9>/run/eventpipeline-cluster.lock
flock -w 120 9 || fail "another up.sh or down.sh has been at work for two minutes"
if well; then
  say "the cluster is up"
  told
  exit
fi
"$here/down.sh" --locked
rm -rf "$run/log"
mkdir -p "$run"/{pids,log,pki,etcd,cni,volumes} && chmod 0755 "$run" "$run/volumes"
cd "$run"

# --- what it takes of the machine: named, so that down.sh gives it back -----------------------------------------
for port in 2379 2380 6443 10250; do
  holder=$(ss -Hltnp "sport = :$port")
  [ -z "$holder" ] || fail "port $port is in use, and the cluster needs it: $holder"
done
[ -z "$(ip -4 route show root $subnet)" ] || fail "the machine has a route into $subnet, which the cluster's pods need: $(ip -4 route show root $subnet)"
# These are set by kubelet, by kube-proxy, and here; down.sh puts the values back.
[ -e /proc/sys/net/bridge ] || modprobe br_netfilter || fail "the kernel has no br_netfilter, which shows pods' packets to network policies"
sysctls=(net/bridge/bridge-nf-call-iptables net/ipv4/ip_forward net/ipv4/conf/all/route_localnet vm/overcommit_memory vm/panic_on_oom kernel/panic
  kernel/panic_on_oops kernel/keys/root_maxkeys kernel/keys/root_maxbytes)
for name in "${sysctls[@]}"; do
  if [ -e "/proc/sys/$name" ]; then echo "$name $(cat "/proc/sys/$name")"; fi
done >sysctls
echo 1 >/proc/sys/net/bridge/bridge-nf-call-iptables
ip link add $bridge type bridge
ip address add $ip/24 dev $bridge
ip link set $bridge up
# Where a firewall drops what is forwarded by default (Docker's does), pods could not reach each other.
iptables -w 10 -I FORWARD -i $bridge -j ACCEPT
iptables -w 10 -I FORWARD -o $bridge -j ACCEPT

# --- start and wait -----------------------------------------------------------------------------------------------
start() { # NAME PROGRAM ARGUMENTS…: a session of its own, so that a Ctrl-C at the caller's terminal does not reach it
  local name=$1
  shift
  setsid "$@" >"log/$name.log" 2>&1 </dev/null 9>&- &
  echo "$! $(started $!)" >"pids/$name"
}
wait_for() { # SECONDS NAME WHAT COMMAND…: until it succeeds; NAME's log is the one to read when it does not
  local end=$((SECONDS + $1)) name=$2 what=$3
  shift 3
  until "$@" >/dev/null 2>&1; do
    if ! running "$name" >/dev/null || [ $SECONDS -ge $end ]; then
      tail -5 "log/$name.log" >&2
      fail "$what did not happen; the last lines of $run/log/$name.log are above"
    fi
    sleep 0.2
  done
}

(umask 077 && certificates) # keys and kubeconfigs are for root alone
# Nothing here outlives the machine's next crash, so etcd need not wait for the disk.
start etcd etcd --data-dir etcd --unsafe-no-fsync --log-level warn --listen-client-urls http://127.0.0.1:2379 \
  --advertise-client-urls http://127.0.0.1:2379 --listen-peer-urls http://127.0.0.1:2380 \
  --initial-advertise-peer-urls http://127.0.0.1:2380 --initial-cluster default=http://127.0.0.1:2380
# Pod Security admission is among the plug-ins that are on by default. Without InternalIP first, exec, logs and
# port-forward look the node's name up in a DNS that does not know it.
start apiserver kube-apiserver --etcd-servers=http://127.0.0.1:2379 --bind-address=$ip --secure-port=6443 --advertise-address=$ip \
  --tls-cert-file=pki/apiserver.crt --tls-private-key-file=pki/apiserver.key --client-ca-file=pki/ca.crt \
  --kubelet-preferred-address-types=InternalIP --kubelet-client-certificate=pki/apiserver-kubelet-client.crt \
  --kubelet-client-key=pki/apiserver-kubelet-client.key --service-account-key-file=pki/service-account.pub \
  --service-account-signing-key-file=pki/service-account.key --service-account-issuer=https://kubernetes.default.svc \
  --service-cluster-ip-range=10.96.0.0/16 --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction --allow-privileged=true
. "$here/node.sh"
node_files
start containerd containerd --config containerd.toml
wait_for 60 apiserver "the API server's start" kube get --raw /readyz
start controller-manager kube-controller-manager --kubeconfig=controller-manager.kubeconfig --leader-elect=false --bind-address=127.0.0.1 \
  --root-ca-file=pki/ca.crt --service-account-private-key-file=pki/service-account.key --use-service-account-credentials=true
start scheduler kube-scheduler --kubeconfig=scheduler.kubeconfig --leader-elect=false --bind-address=127.0.0.1
start coredns coredns -conf Corefile
start proxy kube-proxy --config proxy.yaml
wait_for 30 containerd "containerd's start" ctr_ version
ctr_ images import "$cache/pause-1/pause.tar" >/dev/null
start kubelet kubelet --config kubelet.yaml --kubeconfig kubelet.kubeconfig --hostname-override=$node --node-ip=$ip --root-dir="$run/kubelet"
start volumes "$here/volumes.sh"
wait_for 60 kubelet "the node's registration" kube get node $node
# Network policies alone: kube-proxy has the Services, and on one node nothing is to be routed.
start policies kube-router --run-firewall --run-service-proxy=false --run-router=false --kubeconfig=kubeconfig \
  --hostname-override=$node --service-cluster-ip-range=10.96.0.0/16 --health-port=0
wait_for 60 kubelet "the node's readiness" kube wait --for=condition=Ready node/$node --timeout=1s
wait_for 60 controller-manager "the first service account" kube get serviceaccount default
wait_for 60 policies "the policies' first pass" iptables -w 10 -n -L KUBE-ROUTER-FORWARD
wait_for 60 volumes "the storage class" kube get storageclass local
say "the cluster is up after $SECONDS s; its logs: $run/log"
told
