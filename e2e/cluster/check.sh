#!/usr/bin/env bash
# Proves the cluster itself and the shapes of check.yaml, in half a minute: Pod Security, volumes, DNS, services, NodePorts
# on 127.0.0.1, pods that come back to their data; as the user that the images know and as one that no image knows.
set -euo pipefail
cd "$(dirname "$0")"
. ./settings.sh
trap 'kube delete namespace check check-anyone --ignore-not-found --wait=false >/dev/null' EXIT

passed=0 failed=0
assert() { # WHAT COMMAND…
  local what=$1 began=$SECONDS
  shift
  if "$@" >"$run/log/check.log" 2>&1; then
    passed=$((passed + 1))
    echo "ok      $what ($((SECONDS - began)) s)"
  else
    failed=$((failed + 1))
    echo "FAILED  $what"
    tail -5 "$run/log/check.log"
  fi
}
in_() { kube --namespace "$namespace" "$@"; }
within() { # SECONDS COMMAND…
  local end=$((SECONDS + $1))
  shift
  until "$@"; do
    [ $SECONDS -lt $end ] || return 1
    sleep 0.5
  done
}

refuses_privileged() {
  local answer
  answer=$(in_ run loud --image=eventpipeline.dev/redis:e2e --privileged 2>&1) && return 1
  echo "$answer"
  [[ $answer = *'violates PodSecurity "restricted'* ]]
}
redis_by_node_port() {
  local port answer
  port=$(in_ get service redis-outside -o jsonpath='{.spec.ports[0].nodePort}')
  exec 8<>"/dev/tcp/127.0.0.1/$port"
  printf 'AUTH check-redis\r\nSET seen yes\r\nGET seen\r\n' >&8
  read -r -t 5 answer <&8 && [ "$answer" = $'+OK\r' ] && read -r -t 5 answer <&8 && [ "$answer" = $'+OK\r' ]
  exec 8>&-
}
redis_refuses_strangers() { in_ exec redis-0 -- redis-cli ping | grep NOAUTH; }
redis_kept() { in_ exec redis-0 -- redis-cli --no-auth-warning -a check-redis get seen | grep -x yes; }
sql() { in_ exec postgres-0 -- env PGPASSWORD=check-postgres psql -qtA -h "$1" -U eventpipeline eventpipeline -c "$2"; }
postgres_kept() { [ "$(sql 127.0.0.1 'select n from seen')" = 7 ]; }
pod_address() { [ "$(in_ exec postgres-0 -- getent hosts "$1" | cut -d' ' -f1)" = "$(in_ get pod redis-0 -o jsonpath='{.status.podIP}')" ]; }
ready() { in_ rollout status statefulset/redis --timeout=60s && in_ rollout status statefulset/postgres --timeout=60s; }
pods() { in_ get pods -o jsonpath='{.items[*].metadata.uid}'; }
replaced() { # both are others than before
  local now uid
  now=$(pods)
  [ "$(wc -w <<<"$now")" = 2 ] || return 1
  for uid in $before; do [[ $now != *$uid* ]] || return 1; done
}
user_is() { [ "$(in_ exec "$1" -- id -u)" = "$2" ]; }
volumes_offered() { ! kube get persistentvolumes -o jsonpath='{.items[*].status.phase}' | grep -qE 'Bound|Released' && [ -z "$(find "$run"/volumes -mindepth 2)" ]; }

round() { # NAMESPACE USER
  namespace=$1
  sed "s/10001/$2/; s/namespace: check\$/namespace: $1/; s/namespace: check}/namespace: $1}/; s/name: check\$/name: $1/" check.yaml | kube apply -f - >/dev/null
  assert "$1: a privileged pod is refused" refuses_privileged
  assert "$1: redis and postgres are ready as user $2" ready
  assert "$1: they run as that user" eval "user_is redis-0 $2 && user_is postgres-0 $2"
  assert "$1: redis answers at a NodePort of 127.0.0.1" redis_by_node_port
  assert "$1: redis refuses who has no password" redis_refuses_strangers
  assert "$1: the headless service's name leads to the pod" pod_address redis-0.redis.$1.svc.cluster.local
  assert "$1: a short name does, too" pod_address redis
  assert "$1: postgres takes a table, by its own service's address" sql postgres-inside 'create table seen (n int); insert into seen values (7)'
  before=$(pods)
  in_ delete pod redis-0 postgres-0 --wait=false >/dev/null
  assert "$1: both come back" eval 'within 60 replaced && ready'
  assert "$1: redis has kept its data" within 10 redis_kept
  assert "$1: postgres has kept its data" within 10 postgres_kept
}

round check 10001
round check-anyone 20002
assert "the namespaces go, and their claims" kube delete namespace check check-anyone --timeout=60s
assert "every volume is empty and offered again" within 30 volumes_offered
echo "$passed passed, $failed failed"
[ $failed = 0 ]
