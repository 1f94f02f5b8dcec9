#!/bin/sh
# Comes before every program of a boot on the PATH, under its name. Records each call, as STEP PROGRAM ARGUMENT..., in
# /run/programs, and kills or hangs the one in /run/victim, after the word kill or hang; there a step of * is any step.
set -f
name=${0##*/}
what='' victim=''
read -r step </run/quilt-step
on_one_line() { call=$*; }
# shellcheck disable=SC2048,SC2086  # however many lines it had
on_one_line $step $name $*
printf '%s\n' "$call" >>/run/programs
[ ! -s /run/victim ] || read -r what victim </run/victim
hit() { case $1 in "$victim"*) ;; *) return 1 ;; esac; }
if [ "$victim" ] && { hit "$call" || hit "* ${call#* }"; }; then
  : >/run/victim
  [ "$what" = hang ] || kill -KILL $$
  trap '' TERM
  while :; do sleep 1; done
fi
# The step that will hang gets a deadline of two seconds.
if [ "$name" = timeout ] && [ "$what" = hang ] && [ "$step" = "${victim%% *}" ]; then
  shift 2
  set -- --kill-after=1 2 "$@"
fi
for folder in /usr/local/bin /usr/bin /usr/sbin; do
  [ ! -x "$folder/$name" ] || exec "$folder/$name" "$@"
done
