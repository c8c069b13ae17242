#!/usr/bin/env bash
# `make kind`: the chart, the manifests and the assertions of `make e2e` on kind, with the official redis:7, postgres:16
# and mongo:7.0. Needs Docker, kind, kubectl, helm and Rust; no root. kind.sh [up | check | down] [OPTIONS OF THE DRIVER]
#   (nothing)  check, then up
#   check      the assertions; what they installed is gone afterwards
#   up         operator and a pipeline, left running: API on 127.0.0.1:3001, console on 3000
#   down       deletes the cluster
set -euo pipefail
cd "$(dirname "$0")/.."

cluster=eventpipeline # as kind-config.yaml names it
namespace=e2e
toolchain=1.95.0 # of rust-toolchain.toml; the image has it, without the components that a build does not use
builder=rust:$toolchain-bookworm # the release of the images' base, so that its libc is the one that is linked to
parts=(operator api worker)

what=all
case "${1:-}" in up | check | down) what=$1; shift ;; esac

fail() { echo "$*" >&2; exit 1; }
missing=()
for tool in docker:https://docs.docker.com/get-docker kind:https://kind.sigs.k8s.io kubectl:https://kubernetes.io/docs/tasks/tools \
  helm:https://helm.sh/docs/intro/install cargo:https://rustup.rs; do
  command -v "${tool%%:*}" >/dev/null || missing+=("${tool%%:*} (${tool#*:})")
done
[ ${#missing[@]} -eq 0 ] || { echo "make kind needs:" >&2; printf '  %s\n' "${missing[@]}" >&2; exit 2; }
minor=$(kind version | sed -nE 's/^kind v?0\.([0-9]+)\..*/\1/p')
[ "${minor:-24}" -ge 24 ] || fail "kind is 0.$minor, and its network carries out policies from 0.24 on: https://kind.sigs.k8s.io"
docker info >/dev/null 2>&1 || fail "Docker does not answer: start it, or add yourself to its group"

if [ "$what" = down ]; then exec kind delete cluster --name "$cluster"; fi

# The programs, in a container: another libc, or another system, cannot get in. Volumes keep what was compiled.
programs() {
  mkdir -p images/bin
  docker run --rm --volume "$PWD:/source" --volume eventpipeline-kind-target:/target \
    --volume eventpipeline-kind-registry:/usr/local/cargo/registry \
    --env RUSTUP_TOOLCHAIN="$toolchain" --env CARGO_TARGET_DIR=/target --env CARGO_INCREMENTAL=0 --env OWNER="$(id -u):$(id -g)" --workdir /source "$builder" \
    bash -ec 'cargo build --locked --workspace --bins
      for program in operator api worker; do
        strip --strip-debug -o images/bin/eventpipeline-$program /target/debug/eventpipeline-$program
        # It is not what e2e/images.sh staged before.
        rm -f images/bin/eventpipeline-$program.from
      done
      chown -R "$OWNER" images/bin'
  # The console, where Node is; without it the API says how it is built.
  scripts/console.sh
  rm -rf images/bin/console && mkdir images/bin/console
  if [ -e frontend/dist/index.html ]; then cp -r frontend/dist/. images/bin/console/; fi
}

if ! kind get clusters 2>/dev/null | grep -qx "$cluster"; then
  kind create cluster --config kind-config.yaml --wait 2m
fi
# A file of its own: neither the current context nor another cluster can be meant by mistake.
KUBECONFIG=$(mktemp)
export KUBECONFIG
trap 'rm -f "$KUBECONFIG"' EXIT
kind export kubeconfig --name "$cluster" --kubeconfig "$KUBECONFIG" >/dev/null

# Beforehand, so that no time-out of the assertions is about somebody's registry.
for image in redis:7 postgres:16 mongo:7.0; do
  for pause in 5 15 30 60 0; do
    docker exec "$cluster-control-plane" crictl pull "docker.io/library/$image" >/dev/null && continue 2
    sleep "$pause"
  done
  fail "the cluster cannot pull $image; try again, or see what crictl said above"
done

programs
# With an attestation the image is an index, of which kind cannot load one half.
export BUILDX_NO_DEFAULT_ATTESTATIONS=1
images=()
for part in "${parts[@]}"; do
  image=eventpipeline.dev/$part:e2e
  docker build --quiet --target "$part" --tag "$image" images >/dev/null
  images+=("$image")
done
kind load docker-image --name "$cluster" "${images[@]}"

values=charts/eventpipeline/ci/kind-values.yaml
if [ "$what" != up ]; then
  cargo run --quiet --package eventpipeline-e2e -- --values "$values" --api http://127.0.0.1:3001 --console http://127.0.0.1:3000 "$@"
fi
if [ "$what" != check ]; then
  helm upgrade --install eventpipeline charts/eventpipeline --namespace eventpipeline-system --create-namespace \
    --values "$values" --wait --timeout 3m
  kubectl create namespace "$namespace" --dry-run=client --output yaml | kubectl apply --filename -
  # The annotation is for the tests.
  kubectl annotate --local --filename examples/e2e.yaml --output yaml eventpipeline.dev/slow-inserts-ms- |
    kubectl apply --namespace "$namespace" --filename -
  kubectl wait --namespace "$namespace" --for=condition=Ready --timeout=10m epl/e2e
  kind export kubeconfig --name "$cluster" --kubeconfig "${HOME}/.kube/config" >/dev/null
  cat <<TEXT

The pipeline e2e runs; kubectl's context is kind-$cluster. Console: http://127.0.0.1:3000 (login: Secret e2e-credentials)
  kubectl get epl -n $namespace
  KEY=\$(kubectl get secret e2e-credentials -n $namespace -o jsonpath='{.data.api-key}' | base64 -d)
  curl -sS http://127.0.0.1:3001/api/v1/events -H "X-Api-Key: \$KEY" -H 'Content-Type: application/json' \\
    -d '{"id":"order-1-paid","type":"order.paid","userId":"user-42"}'
\`make kind-down\` deletes it all.
TEXT
fi
