#!/usr/bin/env bash
# Stops the cluster and gives back all it took of the machine, also after a crash of it or of up.sh. Since its state
# goes with it, nothing is asked to end in order. What stays in the run folder: the logs of the last run, and the store of
# images, since there are disks on which it takes half a minute to remove and to fill.
set -uo pipefail
cd "$(dirname "$0")"
. ./settings.sh
need_root
if [ "${1:-}" != --locked ]; then
  exec 9>/run/eventpipeline-cluster.lock
  flock -w 120 9 || fail "another up.sh or down.sh has been at work for two minutes"
fi
[ -d "$run" ] || exit 0
tasks=$run/containerd/io.containerd.runtime.v2.task/k8s.io

# kubelet before pods: it would start again what ends. Each is the leader of its own group of processes.
stop() { if pid=$(running "$1"); then kill -9 -- "-$pid"; fi; }
for name in kubelet volumes $(ls "$run/pids" 2>/dev/null | grep -vx containerd); do stop "$name"; done
# The pods: runc knows their processes and cgroups even when containerd is gone.
for task in "$tasks"/*/; do
  [ -d "$task" ] || continue
  id=$(basename "$task")
  runc --root /run/containerd/runc/k8s.io delete --force "$id" &
  rm -f /var/lib/cni/results/*-"$id"-*
done 2>/dev/null
wait
# A store that still lists containers would present them to the next kubelet. Only containerd itself can strike them out.
if [ -d "$run/containerd" ]; then
  running containerd >/dev/null && timeout 20 ctr -a "$run/containerd.sock" -n k8s.io containers list -q >"$run/containers" &&
    xargs -r timeout 20 ctr -a "$run/containerd.sock" -n k8s.io containers remove <"$run/containers" || forget=yes
fi
stop containerd
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

# A killed process is not gone at once, and until then it has its ports and mounts.
for _ in $(seq 100); do
  left=
  for name in $(ls "$run/pids" 2>/dev/null); do left+=$(running "$name"); done
  [ -n "$left" ] || break
  sleep 0.1
done

mounts() { awk -v under="$run/" 'index($2, under) == 1 {print $2}' /proc/mounts | sort -r; }
mounts | xargs -r umount -l
for cgroup in /sys/fs/cgroup/kubepods /sys/fs/cgroup/*/kubepods; do
  [ -d "$cgroup" ] && find "$cgroup" -depth -type d -exec rmdir {} +
done 2>/dev/null

if [ -d /sys/class/net/$bridge ]; then
  for port in "/sys/class/net/$bridge/brif"/*; do
    [ -e "$port" ] && ip link delete "$(basename "$port")" 2>/dev/null # it may have gone with its pod meanwhile
  done
  ip link delete $bridge
fi
if [ -e "$run/proxy.yaml" ]; then kube-proxy --cleanup >"$run/log/cleanup.log" 2>&1; fi
# kube-router's chains, which its own cleaning would leave to its other parts, and then the sets that they name.
{
  echo '*filter'
  iptables-save -t filter | sed -nE '/^-A [A-Z]+ .*-j KUBE-ROUTER-/s/^-A/-D/p'
  for what in F X; do iptables-save -t filter | sed -nE "s/^:(KUBE-(ROUTER|NWPLCY|POD-FW)-[^ ]+) .*/-$what \1/p"; done
  echo COMMIT
} | iptables-restore -w 10 --noflush
ipset list -name 2>/dev/null | grep '^KUBE-' | xargs -r -n 1 ipset destroy
for way in -i -o; do
  while iptables -w 10 -D FORWARD $way $bridge -j ACCEPT; do :; done
done 2>/dev/null
for iptables in iptables ip6tables; do # kube-proxy makes this chain and leaves its removal to kubelet
  for way in INPUT OUTPUT; do $iptables -w 10 -D $way -j KUBE-FIREWALL; done
  $iptables -w 10 -F KUBE-FIREWALL && $iptables -w 10 -X KUBE-FIREWALL
done 2>/dev/null
# What has its place outside the run folder whatever one sets.
rm -f /var/lib/kubelet/device-plugins/kubelet.sock
find /var/log/containers -lname "$run/*" -delete 2>/dev/null
rmdir /var/lib/cni/{results,} /var/lib/kubelet/{device-plugins,} /var/log/containers /run/containerd/{runc/k8s.io,runc,s,} 2>/dev/null
if [ -e "$run/sysctls" ]; then
  while read -r name value; do echo "$value" >"/proc/sys/$name"; done <"$run/sysctls"
fi

# Never delete through a mount: a volume of it could be somebody's folder.
[ -z "$(mounts)" ] || fail "these could not be unmounted, and $run is kept: $(mounts)"
find "$run" -mindepth 1 -maxdepth 1 ! -name log ! -name images -exec rm -rf {} +
if [ -n "${forget:-}" ]; then rm -rf "$run/images"; fi
