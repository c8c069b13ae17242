#!/usr/bin/env bash
# Tests of the chart with helm and promtool: lint, renderings compared with charts/golden, refusals, rights, Pod Security,
# alerts and dashboard, and that every reason and every alert has its runbook. `test.sh --write` makes the golden files
# again. Needs no cluster; helm is built once, into the cache folder; promtool is of Debian's package prometheus.
set -euo pipefail
cd "$(dirname "$0")/.."
. e2e/cluster/settings.sh
. scripts/packages.sh
case "$*" in
  "" | --write) ;;
  *) fail "usage: charts/test.sh [--write]" ;;
esac
e2e/cluster/build.sh helm

chart=charts/eventpipeline golden=charts/golden
definition=$chart/files/eventpipelines.yaml
alerts=$chart/files/alerts.yaml dashboard=$chart/dashboards/eventpipeline.json
runbooks=docs/runbooks metrics=docs/reference/metrics.md conditions=crates/crd/src/conditions.rs
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
kind_known=(--api-versions monitoring.coreos.com/v1/PodMonitor --api-versions monitoring.coreos.com/v1/PrometheusRule)
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
alerts_and_dashboard_only_on_demand() {
  case_of default >"$work/out"
  absent 'kind: PrometheusRule|grafana_dashboard' "$work/out"
  render "${kind_known[@]}" --set dashboard.enabled=true --show-only templates/dashboard.yaml >"$work/out"
  grep -qx '    grafana_dashboard: "1"' "$work/out"
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
  absent '/ci/|[.]test[.]' "$work/out"
}

# As everywhere: root on Debian gets what is missing, others are told of it. A test that cannot run has failed.
promtool_is_there() {
  command -v promtool >/dev/null && return
  if ! can_install; then
    echo "promtool is missing: on Debian or Ubuntu it is in the package prometheus (then disable the service it starts:"
    echo "sudo systemctl disable --now prometheus); elsewhere in the archive of a Prometheus release"
    return 1
  fi
  install_packages prometheus
}
alert_names() { sed -n 's/^ *- alert: //p' $alerts; }
# What Prometheus is told to compute: an expression a line.
of_alerts() { awk '/^ *expr:/ {on = 1; line = ""} /^ *for:/ {if (on) print line; on = 0} on {sub(/^ *(expr: (>-)?)? */, ""); line = line " " $0}' $alerts; }
of_dashboard() { grep -oE '"(expr|query)": "([^"\\]|\\.)*"' $dashboard | sed -E 's/^"(expr|query)": "//; s/"$//; s/\\"/"/g' | grep -v '^prometheus$'; }

rules_are_rules() { promtool check rules --lint-fatal $alerts; }
rules_fire_when_they_should() { promtool test rules $chart/files/alerts.test.yaml; }
# Rendered, the rules are the same ones: the comments go, the links lead elsewhere, and nothing else.
rules_arrive_whole() {
  case_of full | sed -n '/^# Source: .*prometheusrule.yaml/,/^---/p' | sed -n '/^spec:/,/^---/p' | sed '1d; /^---/d; s/^  //' >"$work/rules.yaml"
  promtool check rules "$work/rules.yaml"
  diff <(sed '/^ *#/d; /^$/d' $alerts) <(sed '/^$/d; s|runbook_url: https://git.example.com/eventpipeline/src/main/docs/runbooks/|runbook_url: docs/runbooks/|' "$work/rules.yaml")
}
# Each has all of it, and is held against a test in which it fires.
alerts_are_complete() {
  local name
  [ "$(alert_names | wc -l)" -ge 8 ]
  alert_names | sort | uniq -d >"$work/out" && absent . "$work/out"
  for name in $(alert_names); do
    sed -n "/- alert: $name\$/,/runbook_url:/p" $alerts >"$work/alert"
    for wanted in 'for: [1-9][0-9]*[mh]' 'labels: {severity: (critical|warning|info)}' 'summary: [A-Z].*' \
      'description: >-' "runbook_url: $runbooks/$name.md"; do
      grep -qxE " *$wanted" "$work/alert" || { echo "$name lacks: $wanted"; return 1; }
    done
    sed -n '/description:/,/runbook_url:/p' "$work/alert" | grep -E '\$value|[0-9]' >/dev/null || { echo "$name tells no number"; return 1; }
    grep -A2 -E "alertname: $name\$" $chart/files/alerts.test.yaml | grep exp_alerts >/dev/null || { echo "no test makes $name fire"; return 1; }
  done
}
# Also those of the dashboard, as if they were rules.
expressions_can_be_read() {
  local expression n=0
  {
    printf 'groups:\n  - name: dashboard\n    rules:\n'
    while IFS= read -r expression; do
      n=$((n + 1))
      case $expression in label_values*) continue ;; esac
      printf "      - {record: 'panel:number%s', expr: '%s'}\n" $n "${expression//\$__rate_interval/5m}"
    done
  } < <(of_dashboard) >"$work/panels.yaml"
  [ "$(grep -c record: "$work/panels.yaml")" -ge 20 ]
  promtool check rules "$work/panels.yaml"
}
# A name that no program serves would make an alert that never fires. $metrics is made of what the programs serve. Of names
# that are not ours only none is used: what is neither a label, a function nor a word of the language must be ours.
metrics_exist() {
  local name seen=0
  for name in $({ of_alerts; of_dashboard; } | sed -E 's/"[^"]*"//g; s/\{[^}]*\}//g; s/\[[^]]*\]//g; s/(by|on|ignoring|group_left) *\([^)]*\)//g' |
    sed -E 's/label_values\(([a-z_]+), *[a-z]+\)/\1/; s/[a-z_]+ *\(/(/g' | grep -oE '[A-Za-z_$][A-Za-z_]*' | sort -u); do
    case $name in
      and | or | unless | offset | m) continue ;;
      eventpipeline_* | process_*) ;;
      *) echo "$name is no metric of ours"; return 1 ;;
    esac
    seen=$((seen + 1))
    case $name in
      *_bucket | *_sum | *_count) grep -qF "| \`${name%_*}\` | histogram |" $metrics ;;
      *) grep -qE "^\| \`$name\` \| (counter|gauge) \|" $metrics ;;
    esac || { echo "$name is not in $metrics: counters have _total there, histograms are used with _bucket, _sum or _count"; return 1; }
  done
  [ $seen -ge 15 ]
}

reasons() { sed -n '/^reasons! {/,/^}/s/^ *[A-Z_]* = "\(.*\)";/\1/p' $conditions; }
every_reason_is_in_the_index() {
  local reason seen=0
  for reason in $(reasons); do
    seen=$((seen + 1))
    grep -qE "^\| (\[$reason\]\($reason\.md\)|$reason) \| .{10,} \|\$" $runbooks/README.md || { echo "$reason has no line in $runbooks/README.md"; return 1; }
  done
  [ $seen -ge 40 ]
}
every_alert_has_a_runbook() {
  local name
  for name in $(alert_names); do
    [ -s "$runbooks/$name.md" ] || { echo "$runbooks/$name.md is missing"; return 1; }
    grep -qE "^\| \[$name\]\($name\.md\) \| .{10,} \|\$" $runbooks/README.md || { echo "$name has no line in $runbooks/README.md"; return 1; }
  done
}
# No page for what is gone, none that nobody finds, and all of one shape.
runbooks_are_in_order() {
  local page name
  { reasons; alert_names; } >"$work/names"
  for page in "$runbooks"/*.md; do
    name=$(basename "$page" .md)
    [ "$name" = README ] && continue
    grep -qx "$name" "$work/names" || { echo "$page is neither a reason nor an alert"; return 1; }
    grep -qF "[$name]($name.md)" $runbooks/README.md || { echo "$page is not in the index"; return 1; }
    diff <(printf '%s\n' "# $name" '## What it means' '## How to see it' '## Likely causes' '## What to do' '## What not to do') \
      <(grep -E '^##? ' "$page") || { echo "$page has another shape"; return 1; }
    [ "$(wc -l <"$page")" -le 45 ] || { echo "$page is long"; return 1; }
  done
  grep -ohE '\]\([A-Za-z]+\.md\)' "$runbooks"/*.md | sort -u | tr -d '])(' >"$work/links"
  while read -r page; do
    [ -s "$runbooks/$page" ] || { echo "a link leads to $page, which is not there"; return 1; }
  done <"$work/links"
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
assert "alerts and dashboard are made only when asked for" alerts_and_dashboard_only_on_demand
assert "every pod meets Pod Security restricted" restricted
assert "release and namespace may be numbers" numbers_are_names
assert "appVersion is the version of the workspace" version_is_the_workspace
assert "the package is small, and without what only tests read" package_is_small

assert "promtool is there, or is installed" promtool_is_there
assert "the alerts are rules that Prometheus can read" rules_are_rules
assert "each alert fires when it should, and none when all is well" rules_fire_when_they_should
assert "rendered, the rules are the same" rules_arrive_whole
assert "each alert has severity, duration, words with a number, its runbook and a test in which it fires" alerts_are_complete
assert "every expression of the dashboard can be read" expressions_can_be_read
assert "every metric of alerts and dashboard is served by a program, under that name" metrics_exist
assert "every reason of a condition has its line in $runbooks/README.md" every_reason_is_in_the_index
assert "every alert has its runbook" every_alert_has_a_runbook
assert "runbooks are of one shape, and each is about a reason or an alert that exists" runbooks_are_in_order

# Each block refuses a key that it does not know, and names it.
for block in '' crds image images images.operator images.api images.worker images.redis images.postgres images.mongo log \
  serviceAccount rbac podMonitor prometheusRule dashboard resources resources.requests resources.limits 'imagePullSecrets[0]' 'tolerations[0]'; do
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
prometheusRule.runbookUrl=https://example.com/ /prometheusRule/runbookUrl': 'https://example.com/' does not match
dashboard.enabled=1 /dashboard/enabled': got number, want boolean
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
prometheusRule.enabled=true|the cluster has no kind PrometheusRule
dashboard.labels.app\.kubernetes\.io/name=x|`dashboard.labels` may not have app.kubernetes.io/name
podMonitor.labels.helm\.sh/chart=x|`podMonitor.labels` may not have helm.sh/chart
END

echo "$passed passed, $failed failed"
[ $failed = 0 ]
