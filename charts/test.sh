#!/usr/bin/env bash
# Tests of the chart with helm alone: lint, renderings compared with charts/golden, refusals, rights, Pod Security.
# `test.sh --write` makes the golden files again. Needs no cluster; helm is built once, into the cache folder.
set -euo pipefail
cd "$(dirname "$0")/.."
. e2e/cluster/settings.sh
case "$*" in
  "" | --write) ;;
  *) fail "usage: charts/test.sh [--write]" ;;
esac
e2e/cluster/build.sh helm

chart=charts/eventpipeline golden=charts/golden
definition=$chart/files/eventpipelines.yaml
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# Nothing of this user's helm, and no cluster that a kubeconfig names.
export HELM_CONFIG_HOME=$work HELM_CACHE_HOME=$work HELM_DATA_HOME=$work KUBECONFIG=/dev/null

passed=0 failed=0
assert() { # WHAT COMMAND…: its output only when it fails
  local what=$1
  shift
  # Its own process: `set -e` would not hold in a function whose result is asked for.
  ("$@") >"$work/log" 2>&1 &
  if wait $!; then
    passed=$((passed + 1))
    echo "ok      $what"
  else
    failed=$((failed + 1))
    echo "FAILED  $what"
    sed 's/^/        /' "$work/log" | head -40
  fi
}

# A helm from its module knows no version of Kubernetes but an old one.
kind_known=(--api-versions monitoring.coreos.com/v1/PodMonitor)
render() { helm template eventpipeline "${from:-$chart}" --namespace events --kube-version "$kubernetes" "$@"; }
case_of() { render "${kind_known[@]}" --values "$chart/ci/$1-values.yaml"; }

# What is seen after an installation. helm prints it only with a cluster, so a copy of the chart has it as a manifest.
notes() {
  if [ ! -d "$work/chart" ]; then
    cp -r $chart "$work/chart"
    { echo '{{ define "notes" }}'; cat $chart/templates/NOTES.txt; echo '{{ end }}'; } >"$work/chart/templates/_notes.tpl"
    printf 'notes: |\n  {{- include "notes" . | nindent 2 }}\n' >"$work/chart/templates/notes.yaml"
  fi
  from=$work/chart case_of "$1" | sed -n '/^notes:/,/^---/p' | sed '1d; /^---/d; s/^  //'
}

# absent PATTERN FILE: shows the lines that should not be there.
absent() { if grep -nE -- "$1" "$2"; then return 1; fi; }

# Without the definition, which has its own test.
objects() { # CASE
  case_of "$1" | awk '/^---$/ {keep = 1; held = $0; next} held {if ($0 ~ /templates\/crd.yaml$/) keep = 0; else print held; held = ""} keep'
}

compare() { # CASE
  diff -u "$golden/$1.yaml" <(objects "$1")
  diff -u "$golden/$1.notes.txt" <(notes "$1")
}

refused() { # WANTED ARGUMENTS…: helm says it, and renders nothing
  local wanted=$1
  shift
  if render "$@" >"$work/out" 2>"$work/said"; then echo "was taken"; return 1; fi
  [ ! -s "$work/out" ]
  grep -qF -- "$wanted" "$work/said" || { cat "$work/said"; return 1; }
}

# From `spec` on it is the generated file; before that it says that it stays.
definition_is_whole() {
  render --show-only templates/crd.yaml >"$work/crd"
  cmp <(sed -n '/^spec:/,$p' "$work/crd") <(sed -n '/^spec:/,$p' $definition)
  sed '/^spec:/q' "$work/crd" | grep -qx '    helm.sh/resource-policy: keep'
  sed '/^spec:/q' "$work/crd" | grep -qx '  name: eventpipelines.eventpipeline.dev'
}
definition_stays_out() {
  render --set crds.install=false >"$work/out"
  absent '^kind: CustomResourceDefinition' "$work/out"
}
definition_is_current() { cmp $definition crds/eventpipelines.yaml; }

nothing_of_the_cluster() {
  case_of namespaced >"$work/out"
  absent '^kind: (Cluster.*|CustomResourceDefinition)' "$work/out"
}
no_wildcards() {
  local name
  for name in $cases; do
    case_of "$name" | sed -n '/^rules:/,/^---/p' >"$work/out"
    [ -s "$work/out" ]
    absent '[*]' "$work/out"
    # Rights by which others are gained.
    absent 'escalate|impersonate|bind|rbac.authorization|serviceaccounts|pods/exec|nodes' "$work/out"
  done
}
# Every kind that the plan can make is in the roles, and every setting that the operator reads is in its pod.
rights_are_enough() {
  local kind seen=0
  case_of full | sed -n '/^rules:/,/^---/p' >"$work/out"
  for kind in $(sed -n '/fn plural/,/^    }/s/.*=> "\(.*\)",/\1/p' crates/plan/src/resources/object.rs); do
    seen=$((seen + 1))
    grep -qE "resources: \[(.*, )?$kind(, .*)?\]" "$work/out" || { echo "$kind is in no rule"; return 1; }
  done
  [ $seen -ge 8 ]
}
settings_are_all_set() {
  local setting seen=0
  case_of default >"$work/out"
  for setting in $(grep -v 'env!' operator/src/settings.rs | grep -oE '"[A-Z][A-Z_]+"' | tr -d '"'); do
    seen=$((seen + 1))
    grep -qx "            - name: $setting" "$work/out" || { echo "$setting is not set"; return 1; }
  done
  [ $seen -ge 12 ]
}
monitors_only_on_demand() {
  case_of default >"$work/out"
  absent 'podmonitors|kind: PodMonitor|-metrics$' "$work/out"
  case_of full | grep -qF 'resources: [podmonitors]'
}
restricted() {
  local name line
  for name in $cases; do
    case_of "$name" | sed -n '/^kind: Deployment/,/^---/p' >"$work/out"
    for line in 'runAsNonRoot: true' 'runAsUser: 10001' 'runAsGroup: 10001' 'type: RuntimeDefault' 'drop: \[ALL\]' \
      'allowPrivilegeEscalation: false' 'readOnlyRootFilesystem: true'; do
      grep -qE "^ +$line$" "$work/out" || { echo "$name lacks $line"; return 1; }
    done
    absent 'hostPath|hostNetwork|hostPID|hostPort|privileged: true' "$work/out"
  done
}
numbers_are_names() {
  helm template 123 $chart --namespace 456 --kube-version "$kubernetes" >"$work/out"
  absent '(instance|name|namespace): [0-9]+$' "$work/out"
}
version_is_the_workspace() {
  grep -qx "appVersion: \"$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)\"" $chart/Chart.yaml
}
package_is_small() {
  helm package $chart --destination "$work" >/dev/null
  # Helm keeps it in a Secret, which holds 1 MiB, together with what it renders.
  [ "$(stat -c %s "$work"/eventpipeline-*.tgz)" -lt 200000 ]
  tar -tf "$work"/eventpipeline-*.tgz >"$work/out"
  absent /ci/ "$work/out"
}

cases=$(cd $chart/ci && printf '%s\n' *-values.yaml | sed 's/-values.yaml//')
if [ "$*" = --write ]; then
  mkdir -p $golden
  for name in $cases; do
    objects "$name" >$golden/"$name.yaml"
    notes "$name" >$golden/"$name.notes.txt"
  done
  exit 0
fi

for name in $cases; do
  assert "$name: lint has nothing to say" helm lint --strict --quiet --kube-version "$kubernetes" $chart --values "$chart/ci/$name-values.yaml"
  assert "$name: objects and notes are those of $golden (else look, then --write)" compare "$name"
done

assert "the definition is rendered whole, and kept at uninstall" definition_is_whole
assert "the definition is not rendered where another release has it" definition_stays_out
assert "the chart's definition is that of crds/" definition_is_current
assert "with scope Namespaced nothing outside the namespace is rendered" nothing_of_the_cluster
assert "no role has a wildcard, or a right by which others are gained" no_wildcards
assert "every kind that a pipeline is made of is in the roles" rights_are_enough
assert "every setting of the operator is set" settings_are_all_set
assert "PodMonitors are made, and may be made, only when asked for" monitors_only_on_demand
assert "every pod meets Pod Security restricted" restricted
assert "release and namespace may be numbers" numbers_are_names
assert "appVersion is the version of the workspace" version_is_the_workspace
assert "the package is small, and without the values of the tests" package_is_small

# Each block refuses a key that it does not know, and names it.
for block in '' crds image images images.operator images.api images.worker images.redis images.postgres images.mongo log \
  serviceAccount rbac podMonitor resources resources.requests resources.limits 'imagePullSecrets[0]' 'tolerations[0]'; do
  at=${block:+/$block}
  at=$(tr '.[' // <<<"${at%]}")
  assert "${block:-the whole}: an unknown key is refused" \
    refused "at '$at': additional properties 'wrong' not allowed" --set "${block:+$block.}wrong=1"
done
# A value of the wrong kind or outside its bounds is refused under its name.
while read -r given wanted; do
  assert "$given is refused" refused "at '$wanted" --set "$given"
done <<'END'
scope=cluster /scope': value must be one of 'Cluster', 'Namespaced'
crds.install=yes /crds/install': got string, want boolean
concurrency=0 /concurrency': minimum: got 0, want 1
concurrency=257 /concurrency': maximum: got 257, want 256
image.registry=https://mirror.example.com/ /image/registry': 'https://mirror.example.com/' does not match
image.tag=7 /image/tag': got number, want string
images.redis.digest=sha256:12 /images/redis/digest': 'sha256:12' does not match
images.operator.pullPolicy=Sometimes /images/operator/pullPolicy': value must be one of
images.mongo.repository=null /images/mongo': missing property 'repository'
clusterDomain=cluster.local. /clusterDomain': 'cluster.local.' does not match
log.level=verbose /log/level': 'verbose' does not match
podMonitor.intervalSeconds=15s /podMonitor/intervalSeconds': got string, want integer
resources.limits.memory=lots /resources/limits/memory': 'lots' does not match
podLabels.a=-b /podLabels/a': '-b' does not match
fullnameOverride=Clicks /fullnameOverride': 'Clicks' does not match
END
# Values that are wrong together.
while IFS='|' read -r given wanted; do
  assert "$given is refused before anything is installed" refused "$wanted" --set "$given"
done <<'END'
serviceAccount.create=false|`serviceAccount.name` must say which one
images.redis.tag=|`images.redis` must have a `tag` or a `digest`
podMonitor.enabled=true|the cluster has no kind PodMonitor
podLabels.app\.kubernetes\.io/name=x|`podLabels` may not have app.kubernetes.io/name
podMonitor.labels.helm\.sh/chart=x|`podMonitor.labels` may not have helm.sh/chart
END

echo "$passed passed, $failed failed"
[ $failed = 0 ]
