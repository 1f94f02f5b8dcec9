#!/bin/bash
# Lets the registry sign with another access key of its IAM user: tries the key, stores it in Secrets Manager, has the
# registry reload it, which interrupts no request. Interrupted anywhere, it can be run again.
set -euo pipefail
cd "$(dirname "$(readlink --canonicalize "$0")")"
stop() {
  echo "$1"
  exit 1
} >&2
# shellcheck source=/dev/null
. env/registry
bucket=$PACKAGE_BUCKET_NAME region=$AWS_DEFAULT_REGION
# From here on the AWS CLI uses the instance's role and not the registry's key.
unset "${!AWS_@}"
export AWS_DEFAULT_REGION=$region
secret=$(python3 -c 'import json; print(json.load(open("/opt/quilt/config.json"))["Secrets"]["RegistryUserKey"])')

echo "Create a second access key for the stack's user in the IAM console, and leave the first one active."
read -rp "Access key ID: " id
read -rsp "Secret access key: " key
echo
[[ $id:$key =~ ^[A-Z0-9]+:[A-Za-z0-9/+=]+$ ]] || stop "That is no access key; nothing was changed."
# It takes some seconds until all of AWS knows a new key.
for pause in 2 4 8 16 0; do
  AWS_ACCESS_KEY_ID=$id AWS_SECRET_ACCESS_KEY=$key aws s3api head-bucket --bucket "$bucket" &>/dev/null && break
  [ $pause != 0 ] || stop "The bucket $bucket refuses this key; nothing was changed."
  sleep $pause
done
# Through a pipe, because arguments show in the process list.
printf %s "$id:$key" |
  aws secretsmanager put-secret-value --secret-id "$secret" --secret-string file:///dev/stdin >/dev/null
sudo python3 /opt/quilt/configure.py --restart
if ! ./start.sh --wait || ! docker exec registry grep -qxF "aws_access_key_id=$id" /etc/quilt/aws/credentials; then
  stop "The registry does not answer with this key: see docker logs registry, then run this again."
fi
echo "The registry signs with $id. URLs that the old key signed live for 24 hours:"
echo "deactivate it in the IAM console after $(date --utc --date '24 hours' '+%F %H:%M') UTC, not before."
