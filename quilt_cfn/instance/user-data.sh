#!/bin/bash
# Boots the Quilt registry and tells CloudFormation how that ended: one signal, whatever happens.
# A change of this text makes a new instance. It is for release ${RELEASE} and for
# ${INPUTS}

# A signal has no room for a reason, but the stack's events show its ID: that names the step that failed.
report() {
  result=$?
  trap '' HUP INT TERM
  id=$(cat /var/lib/cloud/data/instance-id)
  [ "$result" -eq 0 ] || id="$id-failed-in-step-$(cat /run/quilt-step)"
  /opt/aws/bin/cfn-signal --exit-code "$result" --id "$id" --stack "${STACK}" --resource Server --region "${REGION}"
}
trap report EXIT
trap 'exit 143' HUP INT TERM

# The files come with the template, in the metadata of the resource ServerTemplate.
echo fetch-files >/run/quilt-step
timeout --kill-after=10 120 /opt/aws/bin/cfn-init --stack "${STACK}" --resource ServerTemplate --region "${REGION}" || exit
bash /opt/quilt/boot
