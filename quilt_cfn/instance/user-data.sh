#!/bin/bash
# Boots the Quilt registry and tells CloudFormation how that ended: one signal, whatever happens.
# A change of this text replaces the instance, so it names what the instance depends on: release ${RELEASE} and
# ${INPUTS}

# A signal has no room for a reason, but the stack's events show its ID, which names the step that failed.
signal() {
  id=$(</var/lib/cloud/data/instance-id)
  [ "$1" = 0 ] || id="$id-failed-in-step-$(</run/quilt-step)"
  timeout --kill-after=10 60 \
    /opt/aws/bin/cfn-signal --exit-code "$1" --id "$id" --stack "${STACK}" --resource Server --region "${REGION}"
}

# Reads how the boot ended, and signals it. A process of its own, which lives on when the boot is killed; if there is
# nothing to read in time, it signals a failure.
report() {
  trap '' HUP INT TERM
  echo fetch-files >/run/quilt-step
  read -r -t 1650 result || result=1
  signal "$result"
}

exec 3> >(report)
reporter=$!
trap 'exit 130' INT
# The files come with the template, in the metadata of the resource ServerTemplate.
{
  timeout --kill-after=10 120 /opt/aws/bin/cfn-init --stack "${STACK}" --resource ServerTemplate --region "${REGION}" &&
    bash /opt/quilt/boot
} 3>&-
result=$?
trap '' PIPE
echo "$result" >&3
wait "$reporter" || signal 1
exit "$result"
