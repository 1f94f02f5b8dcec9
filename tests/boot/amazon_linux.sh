#!/bin/bash
# Makes Amazon Linux 2023 of this computer's system, as far as a boot sees it. Nothing here is of one stack or instance:
# it becomes part of the machine images that are baked.
set -euo pipefail
tests=$(dirname "$(readlink --canonicalize "$0")")
stand_ins=$tests/stand_ins
tools=$(dirname "$(dirname "$tests")")/.venv-boot

program() { cat >"$1" && chmod 755 "$1"; }

printf '%s\n' 'ID="amzn"' 'VERSION_ID="2023"' 'PRETTY_NAME="Amazon Linux 2023"' >/etc/os-release.new
mv /etc/os-release.new /etc/os-release
echo "UUID=5f0ab9f9-9ff1-4b0a-9b3d-6a1f4d8a7d5c / xfs defaults,noatime 1 1" >/etc/fstab
# https://docs.aws.amazon.com/linux/al2023/ug/ssh-host-keys-disabled.html
printf '%s\n' "AuthorizedKeysFile .ssh/authorized_keys" "PasswordAuthentication no" "UsePAM yes" >/etc/ssh/sshd_config
mkdir -p /etc/systemd/system/multi-user.target.wants
ln -sf /usr/lib/systemd/system/sshd.service /etc/systemd/system/multi-user.target.wants

# The accounts of Amazon Linux, and PostgreSQL's, whatever accounts this computer has.
printf '%s\n' root:x:0:0::/root:/bin/bash ec2-user:x:1000:1000::/home/ec2-user:/bin/bash \
    ssm-user:x:1001:1001::/home/ssm-user:/bin/sh postgres:x:26:26::/:/bin/bash \
    nobody:x:65534:65534::/:/usr/sbin/nologin >/etc/passwd
printf '%s\n' root:x:0: tty:x:5: postgres:x:26: ec2-user:x:1000: ssm-user:x:1001: nogroup:x:65534: \
    >/etc/group
printf '%s:*:20000::::::\n' root ec2-user ssm-user postgres nobody >/etc/shadow
rm -f /etc/gshadow
install --directory --owner ec2-user --group ec2-user --mode 700 /home/ec2-user
install --directory --owner ssm-user --group ssm-user --mode 700 /home/ssm-user
echo "ec2-user ALL=(ALL) NOPASSWD: ALL" >/etc/sudoers.d/ec2-user
# The agent of Session Manager makes this user: https://github.com/aws/amazon-ssm-agent/releases/tag/2.3.68.0
echo "ssm-user ALL=(ALL) NOPASSWD:ALL" >/etc/sudoers.d/ssm-agent-users

# What Amazon Linux has: AWS's helpers and command line, the time, systemctl.
mkdir -p /opt/aws/bin
for tool in cfn-init cfn-signal; do
    program /usr/local/bin/$tool <<<"#!/bin/sh
export PATH=/usr/bin PYTHONPATH=$tools/cfn LD_LIBRARY_PATH=/run/harness/python/lib
exec /run/harness/python/bin/python2.7 $tools/cfn/bin/$tool --url http://127.0.0.1:9000 \"\$@\""
    ln -sf /usr/local/bin/$tool /opt/aws/bin/$tool
done
cp "$stand_ins/aws.sh" /usr/local/bin/aws
# Corrects the clock, which is what libfaketime reads from /run/clock; fails when no time source answers.
program /usr/local/bin/chronyc <<'END'
#!/bin/sh
[ ! -e /run/no-time ] || exit 1
[ ! -e /run/clock ] || echo +0 >/run/clock
END
# systemctl starts the engine behind docker, knows the units that systemd-run has started, and starts the watch for the
# end of an instance that has a life cycle, with shorter pauses. The tests themselves run the refresh. With -p, bash
# does not trace these programs as it does the scripts of a boot.
program /usr/local/bin/systemctl <<'END'
#!/bin/bash -p
echo "$*" >>/run/systemctl
unset BASH_ENV
PATH=/usr/bin:/usr/sbin
unit=/run/units/${*: -1}
runs() { grep --quiet --no-messages "^State:.[^Z]" "/proc/$(<"$unit")/status"; }
case $* in
"is-active --quiet "*) [ -e "$unit" ] && runs ;;
"stop "*)
    [ -e "$unit" ] || exit 5
    kill "$(<"$unit")" 2>/dev/null
    while runs; do sleep 0.02; done
    rm -f "$unit" "/run/${unit##*/}.sock"
    ;;
poweroff)
    export PATH=/usr/local/bin:$PATH
    for stop in /run/units/*.stop; do [ ! -e "$stop" ] || bash "$stop" || exit; done
    ;;
"enable --now "*quilt-termination.service)
    if [ ! -e /run/lifecycle-state ] || { [ -e "$unit" ] && runs; }; then exit; fi
    mkdir -p /run/units
    setsid bash <(sed "s/sleep 5/sleep 0.3/" /opt/quilt/steps.sh) watch-termination >/run/termination.log 2>&1 &
    echo $! >"$unit"
    ;;
"start docker" | "restart docker")
    [ -e /usr/bin/docker ] || exit 5
    [ ! -S /run/docker.sock ] || exit 0
    mkdir -p /run/units
    setsid podman system service --time=0 unix:///run/docker.sock >/run/podman.log 2>&1 &
    echo $! >/run/units/docker
    until [ -S /run/docker.sock ]; do sleep 0.02; done
    chgrp docker /run/docker.sock
    chmod 660 /run/docker.sock
    ;;
esac
END
# As an ordinary user who may listen on the ports of services; or a unit with something to do when the instance ends.
program /usr/local/bin/systemd-run <<'END'
#!/bin/bash -p
unset BASH_ENV
PATH=/usr/local/bin:/usr/bin:/usr/sbin
while [[ $1 == --* ]]; do
    [[ $1 != --unit=* ]] || unit=/run/units/${1#--unit=}
    [[ $1 != --property=ExecStop=* ]] || stop=${1#--property=ExecStop=}
    shift
done
mkdir -p /run/units
if systemctl is-active --quiet "${unit##*/}"; then exit 1; fi
if [ "$stop" ]; then
    echo "$stop" >"$unit.stop"
    echo 1 >"$unit"
    exec "$@"
fi
setsid setpriv --reuid nobody --regid nogroup --clear-groups --inh-caps +net_bind_service \
    --ambient-caps +net_bind_service "$@" >/run/starting.log 2>&1 &
echo $! >"$unit"
END
program /usr/local/bin/dd <<'END'
#!/bin/bash -p
unset BASH_ENV
for word; do [[ $word != @(if|of|count)=* ]] || declare "$word"; done
[ "$if" = /dev/zero ] || exec /usr/bin/dd "$@"
exec /usr/bin/truncate --size "${count}M" "$of"
END
program /usr/local/bin/swapon <<'END'
#!/bin/bash -p
unset BASH_ENV
PATH=/usr/bin
touch /run/swaps
[[ $1 != --show* ]] || exec cat /run/swaps
[ "$(/usr/bin/dd if="$1" bs=1 skip=4086 count=10 status=none)" = SWAPSPACE2 ] || exit 255
echo "$1" >>/run/swaps
meminfo=$(sed "s/^\(Swap.*:\).*/\1 $(($(stat --format %s "$1") / 1024)) kB/" /run/meminfo)
echo "$meminfo" >/run/meminfo
END
# dnf asks the repository of the Region, and has nothing but docker to install, which instance.sh has hidden.
# https://github.com/amazonlinux/amazon-linux-2023/issues/1084
program /usr/local/bin/dnf <<'END'
#!/bin/bash -p
unset BASH_ENV
PATH=/usr/bin:/usr/sbin
at=https://al2023-repos-us-east-1-de612dc2.s3.dualstack.us-east-1.amazonaws.com/core/mirrors/latest/x86_64/mirror.list
curl -fsS --max-time 10 "$at" || {
    echo "Error: Failed to download metadata for repo 'amazonlinux': Cannot prepare internal mirrorlist" >&2
    exit 1
}
[[ " $* " != *" docker "* ]] || {
    ln -sf /run/harness/docker /usr/bin/docker
    grep --quiet ^docker: /etc/group || echo docker:x:990: >>/etc/group
}
END
# The journal is nobody's, and writing the disk of this computer would take everybody's time.
for name in amazon-ssm-agent journalctl sync; do program /usr/local/bin/$name <<<'#!/bin/sh'; done
# sshd -T prints the settings: of each keyword the first one.
program /usr/sbin/sshd <<'END'
#!/bin/sh
exec /usr/bin/awk '!seen[$1 = tolower($1)]++' /etc/ssh/sshd_config
END

# podman is the engine behind the docker command. It has no filter of system calls, which each container would compile.
mkdir -p /etc/containers
cat >/etc/containers/containers.conf <<END
[containers]
volumes = ["/usr:/usr:ro", "$stand_ins:/stand-ins:ro", "$tools/registry:/venv:ro"]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
log_driver = "k8s-file"
seccomp_profile = "unconfined"
[engine]
runtime = "runc"
events_logger = "file"
cgroup_manager = "cgroupfs"
[network]
network_backend = "netavark"
firewall_driver = "iptables"
END
printf '[storage]\ndriver = "vfs"\nrunroot = "/run/containers"\ngraphroot = "/var/lib/instance/containers"\n' \
    >/etc/containers/storage.conf
echo '{"default": [{"type": "insecureAcceptAnything"}]}' >/etc/containers/policy.json
