#!/bin/bash
# Removes from a machine image what check_image.py would find there, and what tells of the instance that was baked:
# clean_up.sh [ROOT]. Without ROOT it cleans the instance on which it runs, and once more when that one shuts down,
# because the SSM agent, through which Image Builder works, and journald go on writing until then.
set -euo pipefail
shopt -s nullglob dotglob
root=$(realpath "${1:-/}")
root=${root%/}
running=
[ "$root" ] || running=yes
fail() {
  echo "clean_up.sh: $*" >&2
  exit 1
}

[ -d "$root/etc" ] || fail "$root is no root folder of a machine image."

# remove PATH...: removes what is there. Where a link on the way leads out of the root folder, it removes nothing.
remove() {
  local parent
  for path; do
    [ -e "$path" ] || [ -L "$path" ] || continue
    parent=$(realpath "${path%/*}")
    if [[ $parent/ = "$root"/* ]]; then rm -rf "$path"; fi
  done
}

# Whether services still run that Image Builder needs.
is_used=$running
[ "${QUILT_CLEAN_UP:-}" != last ] || is_used=

if [ "$running" ]; then
  if [ "$is_used" ]; then
    # What timers start would write logs and caches again. Docker is stopped as it is when an instance shuts down, so that
    # its storage is complete.
    for unit in '*.timer' docker.socket docker containerd; do systemctl stop "$unit" || :; done
    ! systemctl is-active --quiet docker || fail "docker does not stop; journalctl --unit docker says why."
    # A unit that lies in memory, and stops after those that it stands before, because they write until then, or when they
    # stop. https://www.freedesktop.org/software/systemd/man/latest/systemd.unit.html#Before=
    cp "$0" /run/quilt-clean-up.sh
    systemctl is-active --quiet quilt-clean-up ||
      systemd-run --quiet --unit=quilt-clean-up --property=Type=oneshot --property=RemainAfterExit=yes \
        --property=DefaultDependencies=no --property=Conflicts=shutdown.target --property="Before=shutdown.target \
amazon-ssm-agent.service auditd.service chronyd.service systemd-random-seed.service systemd-update-utmp.service" \
        --property="ExecStop=/usr/bin/env QUILT_CLEAN_UP=last bash /run/quilt-clean-up.sh" true
  fi
  # From here on the journal is in memory. https://www.freedesktop.org/software/systemd/man/latest/journalctl.html
  journalctl --quiet --relinquish-var || :
fi

# Accounts: no password, no hash, and no blank one. *LOCK*, * and ! are none. The copies may have one as well.
remove "$root"/etc/{passwd,shadow,group,gshadow}-
sed --in-place --regexp-extended 's/^([^:]*):(!*[^:!*][^:]*|):/\1:!:/' "$root/etc/shadow"
sed --in-place --regexp-extended 's/^([^:]*):(!*[^:!*x][^:]*|x[^:]+|):/\1:x:/' "$root/etc/passwd"

# sshd takes the first value that it reads; a Match could still say something else, which check_image.py finds.
# https://man.openbsd.org/sshd_config
settings=$(grep --invert-match --extended-regexp --ignore-case \
  '^\s*(PasswordAuthentication|KbdInteractiveAuthentication|ChallengeResponseAuthentication|PermitEmptyPasswords|HostbasedAuthentication|PermitRootLogin)\b' \
  "$root/etc/ssh/sshd_config") || :
printf '%s\n' "PasswordAuthentication no" "KbdInteractiveAuthentication no" "PermitEmptyPasswords no" \
  "HostbasedAuthentication no" "PermitRootLogin no" "$settings" >"$root/etc/ssh/sshd_config.new"
chmod --reference="$root/etc/ssh/sshd_config" "$root/etc/ssh/sshd_config.new"
mv "$root/etc/ssh/sshd_config.new" "$root/etc/ssh/sshd_config"
remove "$root"/etc/ssh/ssh_host_*

# Keys, credentials and histories of every user. What a program of the buyer's needs is made when it starts.
for home in "$root/root" "$root"/home/*; do
  remove "$home"/.ssh "$home"/.{aws,docker,azure,kube,gnupg} "$home"/.config/{gcloud,gh,containers} \
    "$home"/.{netrc,git-credentials,npmrc,pypirc,pgpass,my.cnf,vault-token,dockercfg,boto,s3cfg,viminfo,lesshst,histfile,wget-hsts} \
    "$home"/.*history "$home"/.*_hist "$home"/.local/{share,state}
done

# cloud-init runs on each new instance as on the first one. https://cloudinit.readthedocs.io/en/latest/reference/cli.html#clean
remove "$root"/var/lib/cloud/*
# An instance writes its own Region there.
[ ! -e "$root/etc/dnf/vars/awsregion" ] || echo default >"$root/etc/dnf/vars/awsregion"

# Identities. An empty machine-id is filled when an instance starts.
# https://www.freedesktop.org/software/systemd/man/latest/machine-id.html
[ ! -s "$root/etc/machine-id" ] || : >"$root/etc/machine-id"
remove "$root/var/lib/dbus/machine-id" "$root"/var/lib/systemd/{random-seed,credential.secret} "$root"/var/lib/{dhclient,dhcp,dhcpcd}/* \
  "$root"/var/lib/NetworkManager/{*lease*,secret_key} "$root/etc/hostname" "$root/etc/docker/key.json" \
  "$root/var/lib/docker/engine-id" "$root/etc/udev/rules.d/70-persistent-net.rules"

# What programs left behind. Image Builder works in /tmp, and removes its own files after this. Where that lies in memory,
# as on Amazon Linux, nothing of it gets into the image.
remove "$root"/var/lib/systemd/coredump/* "$root"/var/crash/* "$root"/var/spool/abrt/* "$root"/var/cache/{dnf,yum,libdnf5}/*
for file in "$root"/tmp/* "$root"/var/tmp/*; do
  if mountpoint --quiet "${file%/*}"; then continue; fi
  case ${file##*/} in
  TOE_* | imagebuilder_service | perform_cleanup | systemd-private-*) [ "$is_used" ] || remove "$file" ;;
  *) remove "$file" ;;
  esac
done

# Logs. A service that has its log open goes on writing into the empty file.
find "$root/var/log" -xdev -type f ! -name README -exec truncate --size 0 {} +
remove "$root"/var/log/journal/*
if [ -z "$is_used" ]; then
  # The agent registers anew where it finds nothing. In toe are Image Builder's documents and logs.
  # https://github.com/aws/ec2-image-builder-roadmap/issues/91
  remove "$root"/var/lib/amazon/{ssm,toe}/* "$root"/var/log/amazon/* "$root"/var/log/audit/*
fi
# A snapshot has what lies on the volume.
sync
