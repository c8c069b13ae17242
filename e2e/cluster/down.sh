#!/usr/bin/env bash
# Stops the cluster and gives back all it took of the machine, also after a crash of it or of up.sh. Since its state
# goes with it, nothing is asked to end in order. The logs of the last run stay in the run folder.
set -uo pipefail
cd "$(dirname "$0")"
. ./settings.sh
need_root
if [ "${1:-}" != --locked ]; then
  exec 9>/run/eventpipeline-cluster.lock
  flock -w 120 9 || fail "another up.sh or down.sh has been at work for two minutes"
fi
[ -d "$run" ] || exit 0
tasks=$run/containerd/state/io.containerd.runtime.v2.task/k8s.io

# kubelet before containerd: it would start again what ends. Each is the leader of its own group of processes.
for name in kubelet volumes containerd $(ls "$run/pids" 2>/dev/null); do
  if pid=$(running "$name"); then kill -9 -- "-$pid"; fi
done
# The pods: runc knows their processes and cgroups even when containerd is gone.
for task in "$tasks"/*/; do
  [ -d "$task" ] && runc --root /run/containerd/runc/k8s.io delete --force "$(basename "$task")" &
done 2>/dev/null
wait
# Their shims, which are told from others' by the socket they report to.
for cmdline in /proc/[0-9]*/cmdline; do
  if tr '\0' ' ' <"$cmdline" 2>/dev/null | grep -q "containerd-shim.* -address $run/containerd.sock"; then
    pid=${cmdline#/proc/}
    kill -9 "${pid%/cmdline}"
  fi
done 2>/dev/null
for address in "$tasks"/*/address; do
  [ -e "$address" ] && rm -f "$(sed 's#^unix://##' "$address")"
done

mounts() { awk -v under="$run/" 'index($2, under) == 1 {print $2}' /proc/mounts | sort -r; }
mounts | xargs -r umount -l
for cgroup in /sys/fs/cgroup/kubepods /sys/fs/cgroup/*/kubepods; do
  [ -d "$cgroup" ] && find "$cgroup" -depth -type d -exec rmdir {} +
done 2>/dev/null

if [ -d /sys/class/net/$bridge ]; then
  for port in "/sys/class/net/$bridge/brif"/*; do
    [ -e "$port" ] && ip link delete "$(basename "$port")"
  done
  ip link delete $bridge
fi
rm -f /var/lib/cni/results/eventpipeline-e2e-*
if [ -e "$run/proxy.yaml" ]; then kube-proxy --cleanup >"$run/log/cleanup.log" 2>&1; fi
for way in -i -o; do
  while iptables -w 10 -D FORWARD $way $bridge -j ACCEPT; do :; done
done 2>/dev/null
if [ -e "$run/sysctls" ]; then
  while read -r name value; do echo "$value" >"/proc/sys/$name"; done <"$run/sysctls"
fi

# Never delete through a mount: a volume of it could be somebody's folder.
[ -z "$(mounts)" ] || fail "these could not be unmounted, and $run is kept: $(mounts)"
find "$run" -mindepth 1 -maxdepth 1 ! -name log -exec rm -rf {} +
