#!/bin/bash -p
# The AWS CLI as far as the boot files call it: aws SERVICE OPERATION --name value ... It hands over what the real one has,
# its arguments, its Region, the key that it signs with (the role's, without one in the environment) and the clock's time,
# and prints what aws_apis.py answers. In bash, because a boot calls it a dozen times, and Python takes ten times as long.
PATH=/usr/bin LC_ALL=C
unset BASH_ENV
words=("$AWS_DEFAULT_REGION" "$AWS_ACCESS_KEY_ID" "$AWS_SECRET_ACCESS_KEY" "$EPOCHREALTIME")
for word; do
  if [[ $word = file://* ]]; then
    # To the last byte: a substitution alone leaves out newlines at the end.
    word=$(cat "${word#file://}" && echo .) || exit
    word=${word%.}
  fi
  words+=("$word")
done
length=0
for word in "${words[@]}"; do ((length += ${#word} + 1)); done
exec 3<>/dev/tcp/127.0.0.1/9000 || exit
printf 'POST /aws HTTP/1.0\r\nContent-Length: %d\r\n\r\n' $length >&3
printf '%s\0' "${words[@]}" >&3
IFS= read -r -d '' answer <&3
text=${answer#*$'\r\n\r\n'}
if [[ $answer != "HTTP/1.1 200 "* ]]; then
  printf '%s' "$text" >&2
  exit 254
fi
printf '%s' "$text"
