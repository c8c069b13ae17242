# Sourced. Debian packages, installed so that nothing is left running: several of them (redis-server, postgresql,
# containerd) would start their service on its port at once.

# Whether this machine and this user can install them.
can_install() { command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; }

# install_packages NAME…
install_packages() {
  echo "installing $* (their services are not started)" >&2
  local log
  log=$(mktemp)
  # A subshell, so that its trap is its own.
  if ! (
    policy=/usr/sbin/policy-rc.d
    kept=
    if [ -e $policy ]; then kept=$(mktemp) && cp -p $policy "$kept"; fi
    restore() {
      rm -f $policy
      if [ -n "$kept" ]; then mv "$kept" $policy; fi
    }
    trap restore EXIT
    printf '#!/bin/sh\nexit 101\n' >$policy
    chmod +x $policy
    # Without this, Debian makes a database cluster of its own that nobody here uses.
    if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
      mkdir -p /etc/postgresql-common
      echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
    fi
    export DEBIAN_FRONTEND=noninteractive
    apt-get update && apt-get install -y --no-install-recommends -o Dpkg::Options::=--force-confold "$@"
  ) >"$log" 2>&1; then
    tail -20 "$log" >&2
    rm -f "$log"
    echo "apt-get could not install $*; see above" >&2
    return 1
  fi
  rm -f "$log"
}
