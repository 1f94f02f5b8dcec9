#!/bin/bash
# Steps of the boot, and of what runs afterwards, that ask AWS or another server for something: steps.sh STEP
set -euo pipefail
# shellcheck source=/dev/null
[ ! -e /home/ec2-user/env/stack ] || . /home/ec2-user/env/stack
id=$(</var/lib/cloud/data/instance-id)

# try COMMAND...: runs it until it succeeds, six times within a minute of pauses.
try() {
  for pause in 2 4 8 16 30; do
    "$@" && return
    sleep $pause
  done
  "$@"
}

# metadata NAME: prints what the instance metadata has under this name; nothing if there is nothing.
metadata() {
  local at=http://169.254.169.254/latest
  token=$(curl -fsS --max-time 5 -X PUT -H "X-aws-ec2-metadata-token-ttl-seconds: 60" $at/api/token)
  curl -fs --max-time 5 -H "X-aws-ec2-metadata-token: $token" "$at/meta-data/$1"
}

has_address() { [ "$(metadata public-ipv4)" = "$ADDRESS" ]; }

# associate OPTION: asks for the stack's fixed address.
associate() {
  aws ec2 associate-address --region "$REGION" --allocation-id "$ALLOCATION_ID" --instance-id "$id" "$1" \
    --cli-connect-timeout 10 --cli-read-timeout 10
}

# What the registry's own machine image brings along; see quilt_cfn/image.
image=/opt/quilt-image
certificates=/opt/quilt/aws/rds-certificates.pem
download_certificates() {
  curl -fsSL --max-time 10 -o $certificates.new "$RDS_CERTIFICATES" &&
    grep -q "^-----END CERTIFICATE-----" $certificates.new
}

head_bucket() {
  found=$(aws s3api head-bucket --bucket "$PACKAGE_BUCKET_NAME" --region "$REGION" --query BucketRegion --output text)
}

# login: whether the registry looks a user up, in the database, and does not find one. No user can have this name.
login() {
  status=$(curl -s --max-time 5 -o /dev/null -w '%{http_code}' -H "Host: $REGISTRY_HOST" \
    -H "Content-Type: application/json" --data '{"username": "-", "password": "-"}' http://127.0.0.1:8081/api/login) || :
  [ "$status" = 401 ]
}

case $1 in
check-image)
  wanted=$(</opt/quilt/image-release)
  if [ -e $image/release ]; then
    made=$(head -c 40 $image/release | tr -cd '0-9a-z.-')
    is="the one of release ${made:-unknown}"
  else
    made=
    is="not one that was made for the registry"
  fi
  if [ "$made" != "$wanted" ]; then
    echo "The machine image is $is, and this stack needs the one of release $wanted: leave the parameter of the machine" \
      "image at its default, or choose version $wanted in AWS Marketplace and update the stack with its template." >&2
    exit 1
  fi
  ;;
make-swap)
  # For large pushes; see start.sh. Written to its end, because swapon refuses a file with holes.
  # https://man7.org/linux/man-pages/man8/swapon.8.html
  swap=/swapfile
  active=$(swapon --show=NAME --noheadings)
  if [ "$active" != $swap ] && ! { [ -e $swap ] && swapon $swap; }; then
    umask 077
    dd if=/dev/zero of=$swap.new bs=1M count=4096 status=none
    mkswap $swap.new >/dev/null
    mv $swap.new $swap
    swapon $swap
  fi
  [[ $(</etc/fstab) = *"$swap none"* ]] || echo "$swap none swap nofail 0 0" >>/etc/fstab
  ;;
install-docker) try dnf --assumeyes --quiet install docker ;;
fetch-certificates)
  # With a file of certificates, libpq verifies the database's even if that is not asked for.
  # https://www.postgresql.org/docs/16/libpq-ssl.html
  if [ -z "$RDS_CERTIFICATES" ]; then
    echo "No certificates of RDS are known here: the database's is not verified."
  elif [ -e $image/rds-certificates.pem ]; then
    cp $image/rds-certificates.pem $certificates
  elif try download_certificates; then
    mv $certificates.new $certificates
  elif [ -e $certificates ]; then
    echo "RDS's certificates from before stay."
  else
    echo "No certificates of RDS at $RDS_CERTIFICATES: without them the database can't be trusted." >&2
    exit 1
  fi
  ;;
try-login)
  if ! try login; then
    case $status in
    000) echo "The registry gives no answer to a login: docker logs registry says why." ;;
    5*) echo "The registry answers a login with $status: it can't use its database; docker logs registry says why." ;;
    *) echo "The registry answers the login of a user that does not exist with $status instead of 401." ;;
    esac >&2
    exit 1
  fi
  ;;
try-mail)
  if ! docker exec --interactive registry python3 - </opt/quilt/try_mail.py; then
    # Written by user-data.sh.
    [ -e /run/quilt-heals ] || exit 1
    echo "This instance replaces another one: it serves without mail." >&2
  fi
  ;;
check-bucket)
  # With the key that signs URLs, if the registry has one, and else with the instance's role.
  # shellcheck source=/dev/null
  . /home/ec2-user/env/registry
  # They name files in the container.
  unset AWS_CONFIG_FILE AWS_SHARED_CREDENTIALS_FILE
  if ! try head_bucket || [[ $found != "$REGION" && $found != None ]]; then
    echo "The registry can't use the bucket $PACKAGE_BUCKET_NAME${found:+, which is in $found}: check that its name is" \
      "right, that it is in $REGION and belongs to this account, and that its bucket policy does not refuse the registry." >&2
    exit 1
  fi
  ;;
wait-for-target)
  for group in $TARGET_GROUPS; do
    before=
    until
      health=$(aws elbv2 describe-target-health --region "$REGION" --target-group-arn "$group" --targets "Id=$id" \
        --query 'TargetHealthDescriptions[0].TargetHealth.[State,Reason]' --output text) || :
      [ "$health" = "$before" ] || echo "$group: $health"
      before=$health
      [[ $health = healthy* ]]
    do
      sleep 5
    done
  done
  ;;
take-address)
  until has_address; do
    # The answer may be lost, because the address of the connection changes.
    associate --allow-reassociation >/dev/null || :
    for pause in 0 1 2 4 8; do
      sleep $pause
      has_address && break
    done
  done
  ;;
keep-address)
  # The address may get lost: an update of its tags, for instance, can take it away.
  # https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/309
  if [ -e /opt/quilt/state/open ] && ! has_address &&
    [ "$(metadata autoscaling/target-lifecycle-state)" != Terminated ]; then
    answer=$(associate --no-allow-reassociation 2>&1) || [[ $answer = *AlreadyAssociated* ]] || {
      echo "$answer" >&2
      exit 1
    }
  fi
  ;;
refresh)
  # Each part is tried again two minutes later; one that failed is reported.
  failed=0
  timeout --kill-after=10 150 python3 /opt/quilt/credentials.py --role || failed=1
  timeout --kill-after=10 60 bash "$0" keep-address || failed=1
  timeout --kill-after=10 600 python3 /opt/quilt/configure.py --restart || failed=1
  timeout --kill-after=10 60 python3 /opt/quilt/watch.py $failed || failed=1
  exit $failed
  ;;
watch-termination)
  # https://docs.aws.amazon.com/autoscaling/ec2/userguide/retrieving-target-lifecycle-state-through-imds.html
  until [ "$(metadata autoscaling/target-lifecycle-state)" = Terminated ]; do sleep 5; done
  touch /opt/quilt/state/closing
  ;;
esac
