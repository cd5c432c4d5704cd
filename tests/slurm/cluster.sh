#!/usr/bin/env bash
# A real Slurm on this one machine, from Debian packages: as root, `cluster.sh start` and `cluster.sh stop`.
#
# Nodes n1 and n2 in the partition `cpu`, and g1 with two GPUs in name only in the partition `gpu`; each pretends to have
# 4 cores and 6 GB. Accounts are enforced, root's is `lab`. Exit status 77: it cannot be started here, the last line says why.
set -euo pipefail

base=${SLURM_TEST_DIR:-/tmp/slurm-test}
etc=$base/etc run=$base/run log=$base/log var=$base/var
nodes=(n1 n2 g1)
configuration=(slurm.conf gres.conf cgroup.conf slurmdbd.conf)
port=26910
host=$(hostname -s)

impossible() {
    echo "no Slurm here: $*"
    exit 77
}

# alive NAME: whether the daemon whose pid file is run/NAME.pid runs
alive() {
    local pid
    pid=$(cat "$run/$1.pid" 2>/dev/null) && [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = "${1%%.*}" ] &&
        ! grep -q '^State:.*zombie' "/proc/$pid/status"
}

# launch NAME COMMAND...: start a daemon that runs on its own, unless it runs already
launch() {
    local name=$1
    shift
    alive "$name" && return
    rm -f "$run/$name.pid"
    setsid "$@" </dev/null >>"$log/$name.out" 2>&1 &
}

wait_until() {
    local end=$((SECONDS + 60))
    until "$@" >/dev/null 2>&1; do
        if [ $SECONDS -ge $end ]; then
            tail -n 5 "$log"/*.log >&2
            echo "gave up waiting for: $*" >&2
            exit 1
        fi
        sleep 0.2
    done
}

install_packages() {
    for program in munged:munge slurmctld:slurm-wlm slurmdbd:slurmdbd mariadbd:mariadb-server; do
        command -v "${program%:*}" >/dev/null || missing+=("${program#*:}")
    done
    [ -n "${missing+x}" ] || return 0
    command -v apt-get >/dev/null || impossible "${missing[*]} missing, and there is no apt-get to install from"
    # Debian would start the services with its own configuration.
    [ -e /usr/sbin/policy-rc.d ] || { printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d && policy=ours; }
    chmod 755 /usr/sbin/policy-rc.d
    export DEBIAN_FRONTEND=noninteractive
    { timeout 120 apt-get update && timeout 400 apt-get install -y --no-install-recommends "${missing[@]}"; } \
        >"$log/apt.log" 2>&1 && installed=yes
    [ -z "${policy+x}" ] || rm /usr/sbin/policy-rc.d
    [ -n "${installed+x}" ] || impossible "apt-get could not install ${missing[*]}: $(tail -n 1 "$log/apt.log")"
}

write_configuration() {
    local i
    cat >"$etc/slurm.conf" <<CONF
ClusterName=lab
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$run/munge.socket
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
StateSaveLocation=$var/slurmctld
SlurmdSpoolDir=$var/spool.%n
SlurmctldPidFile=$run/slurmctld.pid
SlurmdPidFile=$run/slurmd.%n.pid
SlurmctldLogFile=$log/slurmctld.log
SlurmdLogFile=$log/slurmd.%n.log
# Without cgroups: memory is watched by reading the process tree every second.
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
GresTypes=gpu
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
# Lost nodes are noticed, and killed jobs gone, within seconds.
SlurmctldTimeout=10
SlurmdTimeout=10
KillWait=5
InactiveLimit=0
ReturnToService=2
SchedulerParameters=batch_sched_delay=0,sched_interval=5,bf_interval=5
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=localhost
AccountingStoragePort=$((port + 1))
AccountingStoragePass=$run/munge.socket
AccountingStorageEnforce=associations
AccountingStorageTRES=gres/gpu
PartitionName=cpu Nodes=n1,n2 Default=YES MaxTime=60 DefMemPerCPU=500 State=UP
PartitionName=gpu Nodes=g1 MaxTime=60 DefMemPerCPU=500 State=UP
CONF
    for i in "${!nodes[@]}"; do
        echo "NodeName=${nodes[i]} NodeHostname=$host NodeAddr=127.0.0.1 Port=$((port + 3 + i)) CPUs=4 RealMemory=6000 \
            $([ "${nodes[i]}" != g1 ] || echo Gres=gpu:2) State=UNKNOWN" >>"$etc/slurm.conf"
    done
    for i in 0 1; do
        [ -c "$var/dev/nvidia$i" ] || mknod -m 666 "$var/dev/nvidia$i" c 1 3 || impossible "no device files can be made here"
    done
    echo "AutoDetect=off
NodeName=g1 Name=gpu File=$var/dev/nvidia[0-1]" >"$etc/gres.conf"
    echo "CgroupAutomount=no" >"$etc/cgroup.conf"
    cat >"$etc/slurmdbd.conf" <<CONF
AuthType=auth/munge
AuthInfo=socket=$run/munge.socket
DbdHost=localhost
DbdPort=$((port + 1))
SlurmUser=root
PidFile=$run/slurmdbd.pid
LogFile=$log/slurmdbd.log
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort=$((port + 2))
StorageUser=slurm
StoragePass=slurm
StorageLoc=slurm_acct_db
CommitDelay=1
CONF
    chmod 600 "$etc/slurmdbd.conf"
    # Inside a job Snakemake's plugin drops SLURM_CONF, so the files must lie where Slurm looks by itself.
    for i in "${configuration[@]}"; do
        ln -sfn "$etc/$i" "/etc/slurm/$i"
    done
}

# Whether every node takes jobs; one that an earlier run has left down is told to come back.
nodes_ready() {
    [ "$(timeout 5 sinfo -h -N -o '%N %t' | sort -u | grep -cE ' (idle|mix|alloc|comp)$')" = ${#nodes[@]} ] && return
    timeout 5 scontrol update nodename="$(IFS=, && echo "${nodes[*]}")" state=resume || true
    return 1
}

start() {
    local node
    [ "$(id -u)" = 0 ] || impossible "starting it needs root"
    for file in "${configuration[@]/#//etc/slurm/}"; do
        [ ! -e "$file" ] || [ "$(readlink "$file")" = "$etc/${file##*/}" ] || impossible "this machine has its own, in $file"
    done
    mkdir -p /etc/slurm "$etc" "$run" "$log" "$var/slurmctld" "$var/dev"
    install_packages
    write_configuration

    [ -s "$etc/munge.key" ] || (umask 077 && head -c 128 /dev/urandom >"$etc/munge.key")
    launch munged munged --foreground --force --key-file="$etc/munge.key" --socket="$run/munge.socket" \
        --pid-file="$run/munged.pid" --log-file="$log/munged.log" --seed-file="$var/munge.seed"
    wait_until timeout 5 sh -c "munge -S $run/munge.socket -n | unmunge -S $run/munge.socket"

    [ -d "$var/database/mysql" ] || mariadb-install-db --no-defaults --user=root --datadir="$var/database" \
        --skip-test-db >"$log/mariadb-install.out" 2>&1
    echo "CREATE DATABASE IF NOT EXISTS slurm_acct_db;
CREATE USER IF NOT EXISTS 'slurm'@'127.0.0.1' IDENTIFIED BY 'slurm';
GRANT ALL ON slurm_acct_db.* TO 'slurm'@'127.0.0.1';" >"$var/database.sql"
    launch mariadbd mariadbd --no-defaults --user=root --datadir="$var/database" --socket="$run/mariadb.socket" \
        --bind-address=127.0.0.1 --port=$((port + 2)) --skip-name-resolve --pid-file="$run/mariadbd.pid" \
        --init-file="$var/database.sql" --innodb-buffer-pool-size=64M --performance-schema=OFF
    wait_until timeout 5 mariadb --no-defaults -h127.0.0.1 -P$((port + 2)) -uslurm -pslurm -e "select 1" slurm_acct_db

    launch slurmdbd slurmdbd -D
    wait_until timeout 5 sacctmgr -n show cluster
    if ! sacctmgr -n -P show assoc where account=lab user=root format=user | grep -qx root; then
        sacctmgr -i add cluster lab >/dev/null 2>&1 || true
        sacctmgr -i add account lab Cluster=lab >/dev/null
        sacctmgr -i add user root Account=lab Cluster=lab >/dev/null
    fi

    launch slurmctld slurmctld -D
    wait_until timeout 5 sh -c "scontrol ping | grep -q ' is UP'"
    for node in "${nodes[@]}"; do
        mkdir -p "$var/spool.$node"
        launch "slurmd.$node" slurmd -D -N "$node"
    done
    wait_until nodes_ready
    sinfo -N -o '%8N %10P %6t %4c %8m %G'
}

stop() {
    local name pid
    if alive slurmctld; then
        # The processes of running jobs would outlive slurmd.
        timeout 20 scancel --user=root || true
        for _ in $(seq 100); do
            [ -n "$(timeout 5 squeue -h)" ] || break
            sleep 0.2
        done
    fi
    for name in "${nodes[@]/#/slurmd.}" slurmctld slurmdbd mariadbd munged; do
        alive "$name" || continue
        pid=$(cat "$run/$name.pid")
        kill "$pid"
        for _ in $(seq 150); do
            alive "$name" || break
            sleep 0.1
        done
        ! alive "$name" || kill -KILL "$pid"
    done
    for name in "${configuration[@]}"; do
        [ "$(readlink "/etc/slurm/$name")" != "$etc/$name" ] || rm "/etc/slurm/$name"
    done
    rm -rf "$base"
}

case ${1:-} in
start | stop) "$1" ;;
*)
    echo "usage: $0 start|stop" >&2
    exit 2
    ;;
esac
