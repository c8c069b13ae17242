# Sourced by up.sh: the files that containerd, kubelet, kube-proxy and CoreDNS start from.

node_files() {
  # host-local's leases lie here too: under /var/lib/cni a crashed run's would bar the next one's addresses.
  cat >cni/10-bridge.conflist <<JSON
{"cniVersion": "0.4.0", "name": "eventpipeline-e2e", "plugins": [
  {"type": "bridge", "bridge": "$bridge", "isGateway": true, "hairpinMode": true,
   "ipam": {"type": "host-local", "dataDir": "$run/leases", "routes": [{"dst": "0.0.0.0/0"}],
            "ranges": [[{"subnet": "$subnet", "gateway": "$ip"}]]}}]}
JSON
  # A root without CAP_SYS_RESOURCE may not lower an OOM score. Pods' network namespaces are mounts under the run folder.
  cat >containerd.toml <<TOML
version = 2
root = "$run/images"
state = "$run/containerd"
[grpc]
  address = "$run/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/pause:1"
  restrict_oom_score_adj = true
  disable_apparmor = true
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$run/cni"
TOML
  : >resolv.conf
  # cgroupDriver: there may be no systemd. makeIPTablesUtilChains: kube-proxy needs none, and none must be cleaned up.
  # oomScoreAdj, enforceNodeAllocatable, failCgroupV1: machines with cgroup v1 or a root of fewer rights.
  cat >kubelet.yaml <<YAML
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $ip
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $run/pki/ca.crt}}
authorization: {mode: Webhook}
tlsCertFile: $run/pki/kubelet-server.crt
tlsPrivateKeyFile: $run/pki/kubelet-server.key
containerRuntimeEndpoint: unix://$run/containerd.sock
podLogsDir: $run/log/pods
volumePluginDir: $run/kubelet/plug-ins
clusterDNS: [$ip]
clusterDomain: cluster.local
resolvConf: $run/resolv.conf
cgroupDriver: cgroupfs
failCgroupV1: false
failSwapOn: false
oomScoreAdj: 0
enforceNodeAllocatable: []
makeIPTablesUtilChains: false
maxPods: 200
evictionHard: {nodefs.available: "1%", imagefs.available: "1%", memory.available: 50Mi}
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
YAML
  # masqueradeAll: two pods of one bridge would answer each other past the service's address, unless the answer has to
  # come back through the node; so it works where the kernel does not show bridged packets to iptables.
  cat >proxy.yaml <<YAML
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: iptables
iptables: {masqueradeAll: true, localhostNodePorts: true}
nodePortAddresses: [127.0.0.0/8]
hostnameOverride: $node
bindAddress: $ip
healthzBindAddress: 127.0.0.1:10256
metricsBindAddress: 127.0.0.1:10249
clientConnection: {kubeconfig: $run/proxy.kubeconfig}
conntrack: {maxPerCore: 0}
YAML
  # Names outside the cluster are not looked up: pods talk to each other and to nobody else.
  cat >Corefile <<CORE
.:53 {
  bind $ip
  errors
  kubernetes cluster.local in-addr.arpa {
    kubeconfig $run/kubeconfig
    ttl 2
  }
  cache 2
}
CORE
}
