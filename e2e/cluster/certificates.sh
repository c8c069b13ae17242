# Sourced by up.sh: the cluster's authority, one certificate for each of its parts, and their kubeconfigs. All are made
# anew for each run: an old kubeconfig never opens a new cluster.

# authority: the one that signs all others.
authority() {
  openssl ecparam -name prime256v1 -genkey -noout -out pki/ca.key
  openssl req -x509 -new -key pki/ca.key -subj /CN=eventpipeline-e2e -days 365 -out pki/ca.crt
}

# certificate NAME SUBJECT [ALTERNATIVE NAMES]. With an extension it is of version 3: rustls takes no older one.
certificate() {
  local extensions=basicConstraints=CA:FALSE
  if [ -n "${3:-}" ]; then extensions+=$'\n'subjectAltName=$3; fi
  openssl ecparam -name prime256v1 -genkey -noout -out "pki/$1.key"
  openssl req -new -key "pki/$1.key" -subj "$2" -out "pki/$1.csr"
  openssl x509 -req -in "pki/$1.csr" -CA pki/ca.crt -CAkey pki/ca.key -CAcreateserial -days 365 -out "pki/$1.crt" \
    -extfile <(echo "$extensions") 2>>log/openssl.log
}

# kubeconfig FILE CERTIFICATE: holds its keys itself, so that it can be copied.
kubeconfig() {
  cat >"$1" <<YAML
apiVersion: v1
kind: Config
clusters: [{name: e2e, cluster: {server: "https://$ip:6443", certificate-authority-data: $(base64 -w0 pki/ca.crt)}}]
users: [{name: $2, user: {client-certificate-data: $(base64 -w0 "pki/$2.crt"), client-key-data: $(base64 -w0 "pki/$2.key")}}]
contexts: [{name: e2e, context: {cluster: e2e, user: $2}}]
current-context: e2e
YAML
}

certificates() {
  authority
  certificate apiserver /CN=kube-apiserver "IP:$ip,IP:10.96.0.1,DNS:kubernetes.default.svc"
  certificate apiserver-kubelet-client /O=system:masters/CN=kube-apiserver-kubelet-client
  certificate kubelet-server "/CN=$node" "IP:$ip,DNS:$node"
  certificate admin /O=system:masters/CN=admin
  certificate controller-manager /CN=system:kube-controller-manager
  certificate scheduler /CN=system:kube-scheduler
  certificate proxy /CN=system:kube-proxy
  certificate kubelet "/O=system:nodes/CN=system:node:$node"
  openssl ecparam -name prime256v1 -genkey -noout -out pki/service-account.key
  openssl ec -in pki/service-account.key -pubout -out pki/service-account.pub 2>>log/openssl.log
  local user
  for user in controller-manager scheduler proxy kubelet; do kubeconfig "$user.kubeconfig" $user; done
  kubeconfig kubeconfig admin
}
