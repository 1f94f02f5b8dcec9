#!/bin/bash
# Boots the Quilt registry and tells CloudFormation how that ended: one signal, whatever happens.
# A change of this text replaces the instance, so it names what the instance depends on: release ${RELEASE} and
# ${INPUTS}
id=$(</var/lib/cloud/data/instance-id)

# Sends how the boot ended. It fails with 3 if CloudFormation waits for no signal: the stack is neither created nor
# updated, the group has replaced an instance by itself. The stack's events show the ID of a signal and nothing else of it,
# so a failure's ID names the step; if that is refused, and if a signal is lost, it is sent with the ID that AWS asks for.
send() {
  result=$1
  set -- "$id" "$id" "$id"
  [ "$result" = 0 ] || set -- "$id-failed-in-step-$(</run/quilt-step)" "$id" "$id"
  until timeout --kill-after=10 60 /opt/aws/bin/cfn-signal --exit-code "$result" --id "$1" --stack "${STACK}" \
    --resource ServerGroup --region "${REGION}" >/run/quilt-signal 2>&1; do
    cat /run/quilt-signal
    if grep -q "cannot be signaled" /run/quilt-signal; then return 3; fi
    shift
    [ $# != 0 ] || return 1
    sleep 5
  done
}

# Reads how the boot ended, and sends it. A process of its own, which lives on when the boot is killed; if there is
# nothing to read in time, it sends a failure.
report() {
  trap '' HUP INT TERM
  read -r -t 3088 result || result=1
  [ "$result" != 0 ] || echo signal >/run/quilt-step
  send "$result"
}

# Answers every request until nginx does: without a healthy target, the load balancer sends requests here.
# What a client is still sending is read, because a connection that is closed before is reset, and the answer lost.
say_starting() {
  systemd-run --quiet --collect --unit=quilt-starting --property=DynamicUser=yes \
    --property=AmbientCapabilities=CAP_NET_BIND_SERVICE python3 -c '
import asyncio
async def answer(reader, writer):
    try:
        await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 9)
        writer.write(b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 60\r\nConnection: close\r\n"
            b"Content-Type: text/plain\r\n\r\nThe registry is starting: try again in a few minutes.\n")
        writer.write_eof()
        while await asyncio.wait_for(reader.read(65536), 9):
            pass
    except Exception:
        pass
    writer.close()
async def main():
    for port in 80, 8080:
        await asyncio.start_server(answer, "0.0.0.0", port)
    await asyncio.Event().wait()
asyncio.run(main())' || systemctl is-active --quiet quilt-starting
}

echo say-starting >/run/quilt-step
exec 3> >(report)
reporter=$!
trap 'exit 130' INT
# The files come with the template, in the metadata of the resource ServerTemplate.
{
  say_starting &&
    echo fetch-files >/run/quilt-step &&
    timeout --kill-after=10 120 /opt/aws/bin/cfn-init --stack "${STACK}" --resource ServerTemplate --region "${REGION}" &&
    bash /opt/quilt/boot
} 3>&-
result=$?
trap '' PIPE
echo "$result" >&3
wait "$reporter"
sent=$?
if [ $sent != 0 ] && [ $sent != 3 ]; then
  result=1
  send 1
  sent=$?
fi
# Nobody waits for it and nobody else will serve: it tries again, and without mail, until the group gives it up.
if [ $sent = 3 ] && [ "$result" != 0 ]; then
  touch /run/quilt-heals
  sleep 60
  trap - PIPE INT
  exec bash "$0"
fi
exit "$result"
