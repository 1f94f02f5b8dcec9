#!/bin/bash
# The docker command as start.sh and create_admin.sh see it in a trial. It gives what they name the trial's own names, so
# that no container of the user's is touched, has containers see the trial's folder where they would see the instance's,
# and publishes no port: the trial has its own load balancer. From the environment:
#   TRIAL         the name of the trial
#   TRIAL_FOLDER  what stands for / on the instance
#   TRIAL_DOCKER  the real docker command
set -euo pipefail
names=" registry catalog registry-nginx create-database migration "
words=()
command=$1
while [ $# -gt 0 ]; do
  case $1 in
  --publish) shift ;;
  --volume)
    # z: where SELinux is enforced, a container sees nothing else of the host.
    # https://docs.docker.com/engine/storage/bind-mounts/#configure-the-selinux-label
    words+=(--volume "$TRIAL_FOLDER$2,z")
    shift
    ;;
  --name)
    words+=(--name "$TRIAL-$2" --network-alias "$2" --label "quilt-cfn.trial=$TRIAL")
    shift
    ;;
  quilt) words+=("$TRIAL") ;;
  *)
    case $names in
    *" $1 "*) words+=("$TRIAL-$1") ;;
    *) words+=("$1") ;;
    esac
    ;;
  esac
  shift
done
[ "$command ${words[1]:-}" != "network create" ] || words+=(--label "quilt-cfn.trial=$TRIAL")
exec "$TRIAL_DOCKER" "${words[@]}"
