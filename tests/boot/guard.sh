#!/bin/bash
# Runs an instance in control groups: guard.sh FOLDER GROUP... -- COMMAND. When its own standard input ends, whatever has
# become of the test run, it ends the instance and removes the groups. The process number is in FOLDER/process.
folder=$1 groups=()
shift
while [ "$1" != -- ]; do
    groups+=("$1")
    shift
done
shift
(
    for group in "${groups[@]}"; do echo "$BASHPID" >"$group/cgroup.procs"; done
    exec "$@" </dev/null
) &
instance=$!
echo $instance >"$folder/process"
exec 3<&0
cat <&3 >/dev/null &
reader=$!
wait -n
kill -KILL $instance $reader 2>/dev/null
wait
# The last processes end after the one that has started them.
for group in "${groups[@]}"; do
    for _ in {1..3000}; do
        find "$group" -depth -type d -exec rmdir {} \; 2>/dev/null
        [ -e "$group" ] || break
        sleep 0.02
    done
done
