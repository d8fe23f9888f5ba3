#!/usr/bin/env bash
# Stop what slurm_up.sh started: its jobs, then its daemons, each by its pid file. Logs stay in $CLUSTER_DIR/log.
set -uo pipefail
folder=${CLUSTER_DIR:-${TMPDIR:-/tmp}/transient-ridge-cluster}
export SLURM_CONF=$folder/slurm.conf

if timeout 10 scontrol ping > /dev/null 2>&1; then
  timeout 10 scancel --user="$(id -un)"
  for _ in $(seq 100); do
    [ -z "$(timeout 5 squeue --noheader --states=running,completing 2> /dev/null)" ] && break
    sleep 0.2
  done
fi

stop() { # stop NAME PIDFILE
  local pid
  pid=$(cat "$2" 2> /dev/null) || return 0
  if [ "$(cat "/proc/$pid/comm" 2> /dev/null)" = "$1" ]; then
    kill "$pid"
    for _ in $(seq 50); do
      [ -d "/proc/$pid" ] || break
      sleep 0.2
    done
    [ -d "/proc/$pid" ] && kill -9 "$pid"
  fi
  rm -f "$2"
}

stop slurmctld "$folder/run/slurmctld.pid"
for node in n1 n2 n3; do stop slurmd "$folder/run/slurmd-$node.pid" & done
wait
stop munged "$folder/run/munged.pid"
[ "$(readlink /etc/slurm/slurm.conf)" = "$SLURM_CONF" ] && rm -f /etc/slurm/slurm.conf
# The next cluster starts at job 1.
rm -rf "$folder/state" "$folder/spool"
