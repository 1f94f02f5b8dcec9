# Sourced by every bash of a boot (BASH_ENV). Records each command before it runs, as STEP SCRIPT:LINE COMMAND, in
# /run/commands, and kills the shell that is about to run the one in /run/victim, in which a step of * is any step.
set -o functrace
at_command() {
  local step victim=''
  # The file may be empty at this moment, which must not end a shell that ends at failures.
  read -r step </run/quilt-step || :
  local command="$step ${BASH_SOURCE[1]##*/}:$1 ${2//$'\n'/ }"
  printf '%s\n' "$command" >>/run/commands
  [ ! -s /run/victim ] || IFS= read -r victim </run/victim || :
  if [ "$command" = "$victim" ] || [ "* ${command#* }" = "$victim" ]; then
    : >/run/victim
    kill -KILL "$BASHPID"
  fi
}
trap 'at_command "$LINENO" "$BASH_COMMAND"' DEBUG
