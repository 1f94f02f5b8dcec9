#!/bin/bash
# Tests a new machine image, on an instance that was launched from it: test_image.sh RELEASE. The first fault ends it.
set -euo pipefail
folder=/opt/quilt-image

fail() {
  echo "test_image.sh: $*" >&2
  exit 1
}

[ "$(<$folder/release)" = "${1:?usage: test_image.sh RELEASE}" ] || fail "this is the image of release $(<$folder/release), not of $1."

# The boot makes the containers; here each image only has to start something without downloading anything.
systemctl start docker
while read -r image; do
  docker run --rm --network none --pull never --entrypoint sh "$image" -c true || fail "$image is missing or does not start."
done <$folder/images

[[ " $(swapon --show=NAME --noheadings | tr '\n' ' ') " = *" /swapfile "* ]] || fail "the swap file is not in use."

settings=$(sshd -T)
for setting in "passwordauthentication no" "kbdinteractiveauthentication no" "permitemptypasswords no" "permitrootlogin no"; do
  grep --quiet --line-regexp "$setting" <<<"$settings" || fail "sshd does not have $setting."
done
passwords=$(awk -F : '$2 == "" || $2 !~ /^!*([*].*)?$/ { print $1 }' /etc/shadow)
[ -z "$passwords" ] || fail "these accounts have a password or a blank one: $passwords."

# Nothing of the instance that was baked may be left; this instance has its own by now.
token=$(curl -fsS --max-time 5 -X PUT -H "X-aws-ec2-metadata-token-ttl-seconds: 60" http://169.254.169.254/latest/api/token)
id=$(curl -fsS --max-time 5 -H "X-aws-ec2-metadata-token: $token" http://169.254.169.254/latest/meta-data/instance-id)
status=$(curl -s --max-time 5 -o /dev/null -w '%{http_code}' http://169.254.169.254/latest/meta-data/) || :
[ "$status" = 401 ] || fail "the metadata service answers $status without a token instead of 401."
for others in /var/lib/cloud/instances /var/lib/amazon/ssm; do
  found=$(find $others -maxdepth 1 -name 'i-*' ! -name "$id" 2>/dev/null) || :
  [ -z "$found" ] || fail "$found is of another instance."
done
# Whoever launches an instance without a key pair gets no /root/.ssh.
old=$(find /etc/ssh /root /home -xdev ! -newermt "$(uptime --since)" '(' -name 'ssh_host_*' -o -name authorized_keys ')' -size +0)
[ -z "$old" ] || fail "older than this instance: $old."
echo "The image of release $1 is as it should be."
