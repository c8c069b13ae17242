#!/usr/bin/env bash
# Started by up.sh. Local volumes made beforehand: provisioned host paths could be written by root alone. They keep what
# is in them while a claim holds them; when its claim is deleted, a volume is emptied and offered again.
set -euo pipefail
cd "$(dirname "$0")"
. ./settings.sh

count=24 # four pipelines with all stores, five volumes each, and some to spare

offer() { # what any pod's user may write; the leading zeros take an earlier fsGroup's bit away
  find "$1" -mindepth 1 -delete
  chown 0:0 "$1"
  chmod 00777 "$1"
}

{
  cat <<YAML
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: local, annotations: {storageclass.kubernetes.io/is-default-class: "true"}}
provisioner: kubernetes.io/no-provisioner
volumeBindingMode: WaitForFirstConsumer
reclaimPolicy: Retain
YAML
  for i in $(seq -w $count); do
    folder=$run/volumes/volume-$i
    mkdir -p "$folder"
    offer "$folder"
    cat <<YAML
---
apiVersion: v1
kind: PersistentVolume
metadata: {name: volume-$i}
spec:
  capacity: {storage: 20Gi}
  accessModes: [ReadWriteOnce]
  storageClassName: local
  persistentVolumeReclaimPolicy: Retain
  local: {path: $folder}
  nodeAffinity: {required: {nodeSelectorTerms: [{matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [$node]}]}]}}
YAML
  done
} | kube apply -f -

while sleep 1; do # a watch ends now and then; the next one lists first, so nothing is missed
  kube get persistentvolumes --watch -o jsonpath='{.metadata.name} {.status.phase}{"\n"}' | while read -r name phase; do
    [ "$phase" = Released ] || continue
    offer "$run/volumes/$name"
    # Without its claim it is Available. One that could not be changed is seen again at the next list.
    kube patch persistentvolume "$name" --type=json -p '[{"op": "remove", "path": "/spec/claimRef"}]' || true
  done || true
done
