#!/bin/bash
# Tests a new machine image, on an instance that was launched from it: test_image.sh RELEASE. The first fault ends it.
set -euo pipefail
folder=/opt/quilt-image

fail() {
  echo "test_image.sh: $*" >&2
  exit 1
}

release=$(cat $folder/release) || fail "the image has no release: bake.sh did not end."
[ "$release" = "${1:-}" ] || fail "this is the image of release $release, not of ${1:-another one}."

# The boot makes the containers; here each image only has to start something, without downloading anything.
systemctl start docker || fail "docker does not start; journalctl --unit docker says why."
while read -r image; do
  docker run --rm --network none --pull never --entrypoint sh "$image" -c true </dev/null ||
    fail "$image is not there, or does not start."
done <$folder/images

[[ $(swapon --show=NAME --noheadings) = *"/swapfile"* ]] || fail "the swap file is not in use."

settings=$(sshd -T) || fail "sshd does not read its configuration."
for setting in "passwordauthentication no" "kbdinteractiveauthentication no" "permitemptypasswords no" "permitrootlogin no"; do
  grep --quiet --line-regexp "$setting" <<<"$settings" || fail "sshd does not have the setting $setting."
done
passwords=$(awk -F : '$2 == "" || $2 !~ /^!*([*].*)?$/ { print $1 }' /etc/shadow)
[ -z "$passwords" ] || fail "these accounts have a password, or a blank one: $passwords."

# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html
at=http://169.254.169.254/latest
status=$(curl -s --max-time 5 -o /dev/null -w '%{http_code}' $at/meta-data/) || :
[ "$status" = 401 ] || fail "the metadata service answers $status without a token instead of 401."

# Nothing of the instance that was baked may be here; this one has made its own by now.
token=$(curl -fsS --max-time 5 -X PUT -H "X-aws-ec2-metadata-token-ttl-seconds: 60" $at/api/token) || token=
id=$(curl -fsS --max-time 5 -H "X-aws-ec2-metadata-token: $token" $at/meta-data/instance-id) ||
  fail "the metadata service does not say which instance this is."
for others in /var/lib/cloud/instances /var/lib/amazon/ssm; do
  [ -d $others ] || continue
  found=$(find $others -maxdepth 1 -name 'i-*' ! -name "$id")
  [ -z "$found" ] || fail "this is of another instance: $found."
done
# When this instance started, with two minutes for its clock.
start=$(($(sed --quiet 's/^btime //p' /proc/stat) - 120))
old=$(find /etc/ssh /root /home -xdev '(' -name 'ssh_host_*' -o -name authorized_keys ')' -size +0 ! -newermt "@$start")
[ -z "$old" ] || fail "older than this instance: $old."
echo "The image of release $release is as it should be."
