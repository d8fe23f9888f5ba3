#!/usr/bin/env bash
# A private Slurm on this one machine, for the tests of workflow/profiles/slurm: loopback only, without systemd.
#   partition cpu (default)  nodes n1, n2
#   partition urgent         the same nodes, and its jobs preempt those of `cpu` after a grace time
#   partition gpu            node n3 with two pretended GPUs
# All of it lives under $CLUSTER_DIR, but for a link at /etc/slurm/slurm.conf: the executor plugin drops SLURM_CONF
# before its inner srun, so the default path must lead here. A machine that has a Slurm of its own is refused.
# Needs root, and Debian's packages (which it installs where they are missing); ends with 2 where it lacks either. Stop
# it with slurm_down.sh.
set -euo pipefail
export PATH=$PATH:/usr/sbin
folder=${CLUSTER_DIR:-${TMPDIR:-/tmp}/transient-ridge-cluster}
port=${CLUSTER_PORT:-17910} # of the controller; the nodes take the three after it
link=/etc/slurm/slurm.conf
export SLURM_CONF=$folder/slurm.conf

[ "$(id -u)" = 0 ] || { echo "slurm_up.sh: needs root" >&2; exit 2; }
if [ -e $link ] && [ "$(readlink $link)" != "$SLURM_CONF" ]; then
  echo "slurm_up.sh: $link exists and is not ours; this machine's own Slurm is left alone" >&2
  exit 2
fi

missing=0
for command in munged slurmctld slurmd sbatch; do
  command -v $command > /dev/null || missing=1
done
if [ $missing = 1 ]; then
  # Packaged daemons must not start by themselves.
  policy=/usr/sbin/policy-rc.d
  if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' > $policy && chmod +x $policy
    trap 'rm -f $policy' EXIT
  fi
  export DEBIAN_FRONTEND=noninteractive
  packages="munge slurmctld slurmd slurm-client"
  { apt-get update -qq && apt-get install -y -qq --no-install-recommends $packages > /dev/null; } || {
    echo "slurm_up.sh: needs Debian's packages $packages, which apt-get did not install" >&2
    exit 2
  }
fi

mkdir -p "$folder"/{run,log,state,spool} /etc/slurm
chmod 755 "$folder" "$folder/run"
install -d -m 700 "$folder/munge"
[ -s "$folder/munge/key" ] || (umask 077 && head -c 128 /dev/urandom > "$folder/munge/key")
for gpu in 0 1; do
  # /dev/null by another name
  [ -e "$folder/gpu$gpu" ] || mknod "$folder/gpu$gpu" c 1 3 || {
    echo "slurm_up.sh: needs root that may make devices" >&2
    exit 2
  }
done

cat > "$SLURM_CONF" << END
ClusterName=emulated
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort=$port
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$folder/run/munge.sock
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool/%n
SlurmctldPidFile=$folder/run/slurmctld.pid
SlurmdPidFile=$folder/run/slurmd-%n.pid
SlurmctldLogFile=$folder/log/slurmctld.log
SlurmdLogFile=$folder/log/slurmd-%n.log
# No cgroups: they would need the host's.
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
SchedulerParameters=batch_sched_delay=0,sched_interval=2,bf_interval=5
ReturnToService=2
# A job that asks for more than any node or the partition gives is refused, rather than pending for ever.
EnforcePartLimits=ALL
# A job over its limit has this long between SIGTERM and SIGKILL; a preempted one its partition's GraceTime.
KillWait=15
OverTimeLimit=0
PreemptType=preempt/partition_prio
PreemptMode=CANCEL
# squeue must remember every job of a test, on a busy machine too.
MinJobAge=14400
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=2
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/filetxt
JobCompLoc=$folder/log/jobs.txt
GresTypes=gpu
NodeName=DEFAULT CPUs=4 Boards=1 SocketsPerBoard=1 CoresPerSocket=4 ThreadsPerCore=1 RealMemory=8000 State=UNKNOWN
NodeName=n[1-2] NodeHostname=localhost NodeAddr=127.0.0.1 Port=[$((port + 1))-$((port + 2))]
NodeName=n3 NodeHostname=localhost NodeAddr=127.0.0.1 Port=$((port + 3)) Gres=gpu:pretended:2
PartitionName=DEFAULT DefMemPerCPU=500 DefaultTime=10 MaxTime=240 State=UP
# Jobs go to the emptier node.
PartitionName=cpu Nodes=n[1-2] Default=YES LLN=YES PriorityTier=1 GraceTime=15
PartitionName=urgent Nodes=n[1-2] PriorityTier=10
PartitionName=gpu Nodes=n3
END
cat > "$folder/gres.conf" << END
AutoDetect=off
NodeName=n3 Name=gpu Type=pretended Flags=nvidia_gpu_env File=$folder/gpu[0-1]
END
echo "CgroupAutomount=no" > "$folder/cgroup.conf"
ln -sfn "$SLURM_CONF" $link

running() { # running NAME PIDFILE
  local pid
  pid=$(cat "$2" 2> /dev/null) && [ "$(cat "/proc/$pid/comm" 2> /dev/null)" = "$1" ]
}

running munged "$folder/run/munged.pid" || munged --key-file="$folder/munge/key" \
  --seed-file="$folder/munge/seed" --socket="$folder/run/munge.sock" \
  --pid-file="$folder/run/munged.pid" --log-file="$folder/munge/munged.log"
running slurmctld "$folder/run/slurmctld.pid" || slurmctld
for node in n1 n2 n3; do
  running slurmd "$folder/run/slurmd-$node.pid" || slurmd -N $node
done

for _ in $(seq 150); do
  up=$(timeout 5 sinfo --noheader --Node --format '%N %t' 2> /dev/null | sort -u | grep -cE ' (idle|mix|alloc)$' || true)
  [ "$up" = 3 ] && exec sinfo
  sleep 0.2
done
echo "slurm_up.sh: the nodes did not come up in 30 s" >&2
timeout 5 sinfo --Node --long >&2 || true
tail -n 20 "$folder"/log/*.log >&2
exit 1
