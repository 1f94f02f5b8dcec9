#!/bin/bash
# Bakes what a release needs into a machine image, on a new instance of Amazon Linux 2023: bake.sh RELEASE IMAGE...
# An IMAGE is NAME@sha256:DIGEST. Run again, it does what is missing. What it has baked is in /opt/quilt-image.
set -euo pipefail
root=
step=check-arguments

# fail SENTENCE: says in which step the baking failed and why.
fail() {
  echo "bake.sh failed in the step $step: $*" >&2
  said=yes
  exit 1
}
# at_end CODE: a failure that no step foresaw is named as well; the login at ECR is removed in any case.
at_end() {
  [ -z "${DOCKER_CONFIG:-}" ] || rm -rf "$DOCKER_CONFIG"
  [ "$1" -eq 0 ] || [ "${said:-}" ] || echo "bake.sh failed in the step $step: the last message above says why." >&2
}
trap 'at_end $?' EXIT

begin() {
  step=$1
  TZ=UTC printf '%(%FT%TZ)T %s\n' -1 "$step"
}

# try COMMAND...: runs it until it succeeds, six times. Docker Hub limits how often an address asks in a minute.
# https://docs.docker.com/docker-hub/usage/
try() {
  for pause in 4 8 16 32 60; do
    "$@" && return
    sleep $pause
  done
  "$@"
}

release=${1:-}
[[ $release =~ ^[0-9]+\.[0-9]+\.[0-9]+([-.][0-9A-Za-z.]+)?$ ]] || fail "$release is not a version; usage: bake.sh RELEASE IMAGE..."
shift
[ $# -gt 0 ] || fail "no image was named; usage: bake.sh RELEASE IMAGE..."
for image; do
  [[ $image =~ ^[a-z0-9][a-zA-Z0-9._:/-]*@sha256:[0-9a-f]{64}$ ]] ||
    fail "$image is not NAME@sha256:DIGEST; quilt-cfn images resolve writes the digests into release.yaml."
done
# It says that everything is there, and is written last.
rm -f "$root/opt/quilt-image/release"

# An AMI of Amazon Linux is locked to the repositories of its own release, which have no later updates.
# https://docs.aws.amazon.com/linux/al2023/ug/deterministic-upgrades-usage.html
begin update
latest() { timeout --kill-after=10 900 dnf --assumeyes --quiet --releasever=latest "$@"; }
try latest upgrade || fail "the updates of Amazon Linux can't be installed; dnf's answer is above."

begin install-programs
try latest install docker aws-cfn-bootstrap ||
  fail "docker and aws-cfn-bootstrap can't be installed; dnf's answer is above."
for program in /opt/aws/bin/cfn-init /opt/aws/bin/cfn-signal amazon-ssm-agent aws chronyc curl python3 sshd sudo; do
  command -v "$program" >/dev/null ||
    fail "$program is missing; build from the standard AMI of Amazon Linux 2023, not from the minimal one."
done

begin start-docker
systemctl start docker || fail "docker does not start; journalctl --unit docker says why."

# ECR gives a token to the instance's role. It is never an argument, and its file lies in memory.
# https://docs.aws.amazon.com/AmazonECR/latest/userguide/registry_auth.html
begin log-in
DOCKER_CONFIG=$(mktemp --directory /dev/shm/quilt-docker.XXXXXX)
export DOCKER_CONFIG
for registry in $(printf '%s\n' "${@%%/*}" | sort --unique); do
  if [[ $registry =~ ^[0-9]{12}\.dkr\.ecr(-fips)?\.([a-z0-9-]+)\.amazonaws\.com(\.cn)?$ ]]; then
    aws ecr get-login-password --region "${BASH_REMATCH[2]}" |
      docker login --username AWS --password-stdin "$registry" >/dev/null ||
      fail "$registry refuses the instance's role; it needs ecr:GetAuthorizationToken and the right to read the repository."
  fi
done

begin pull-images
for image; do
  try timeout --kill-after=5 600 docker pull --quiet "$image" ||
    fail "$image can't be downloaded; the last answer of its container registry is above."
  found=$(docker image inspect "$image") || fail "docker does not have $image after its download."
  [[ $found = *"@${image##*@}\""* ]] || fail "docker has another image than $image: it has no such digest."
done

# The global bundle has no certificates of GovCloud, which has one of its own.
# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.SSL.html
begin download-certificates
install --directory --mode=755 "$root/opt/quilt-image"
certificates=$root/opt/quilt-image/rds-certificates.pem
: >"$certificates.new"
for host in truststore.pki.rds.amazonaws.com truststore.pki.us-gov-west-1.rds.amazonaws.com; do
  url=https://$host/global/global-bundle.pem
  bundle=$(try curl -fsSL --max-time 30 "$url") || fail "RDS's certificates can't be downloaded from $url."
  [[ $bundle = *"-----END CERTIFICATE-----"* ]] || fail "$url has no certificates."
  echo "$bundle" >>"$certificates.new"
done
mv "$certificates.new" "$certificates"

# As the boot makes it; see steps.sh. Written to its end, because swapon refuses a file with holes, and never swapped on,
# so that nothing of this instance's memory gets into the image.
begin make-swap
swap=/swapfile
signature=$(dd if="$root$swap" bs=1 skip=4086 count=10 status=none 2>/dev/null | tr --delete '\0') || :
if [ "$signature $(stat --format=%s,%a "$root$swap" 2>/dev/null)" != "SWAPSPACE2 4294967296,600" ]; then
  old=$(umask)
  umask 077
  { dd if=/dev/zero of="$root$swap.new" bs=1M count=4096 status=none && mkswap "$root$swap.new" >/dev/null; } ||
    fail "the swap file of 4 GiB can't be made; where the volume is full, give the image a larger one."
  mv "$root$swap.new" "$root$swap"
  umask "$old"
fi
[[ $(<"$root/etc/fstab") = *"$swap none"* ]] || echo "$swap none swap nofail 0 0" >>"$root/etc/fstab"

begin write-release
printf '%s\n' "$@" >"$root/opt/quilt-image/images"
echo "$release" >"$root/opt/quilt-image/release"
chmod 644 "$root"/opt/quilt-image/*
