#!/bin/bash
# Starts the registry's three containers, replacing those that run. With one of these arguments it only
#   --wait             waits until the registry and the catalog answer
#   --fetch            downloads the images that are missing
#   --create-database  gives the database to the registry's own user, with the password that the stack has for it
#   --migrate          migrates the database to the schema of this release
set -euo pipefail
cd "$(dirname "$(readlink --canonicalize "$0")")"
# shellcheck source=/dev/null
. env/stack
aws=/opt/quilt/aws:/etc/quilt/aws:ro

# lacks TYPE NAME: whether Docker has no such image or network. An inspection that was killed ends the script.
lacks() {
  docker "$1" inspect "$2" >/dev/null 2>&1 && return 1
  [ $? -eq 1 ] || exit 1
}

# start NAME ENVIRONMENT ARGUMENT...: starts a container with the variables in env/ENVIRONMENT. bash reads that file,
# because docker would read it by other rules; docker's arguments are their names only, because the process list shows
# arguments.
start() (
  names=$(sed -nE 's/^(export )?([A-Za-z_][A-Za-z0-9_]*)=.*/--env=\2/p' "env/$2")
  set -o allexport
  # shellcheck source=/dev/null
  . "env/$2"
  if lacks network quilt; then docker network create quilt >/dev/null; fi
  docker rm --force "$1" >/dev/null 2>&1
  # shellcheck disable=SC2086  # names have no spaces
  docker run $names --detach --name "$1" --network quilt --restart unless-stopped "${@:3}" >/dev/null
)

# Docker Hub limits how much an address downloads; six tries take two minutes.
fetch() {
  for image in "$REGISTRY_IMAGE" "$CATALOG_IMAGE" "$NGINX_IMAGE"; do
    for pause in 4 8 16 32 60 0; do
      if ! lacks image "$image" || docker pull --quiet "$image"; then continue 2; fi
      sleep $pause
    done
    exit 1
  done
}

# once NAME ENVIRONMENT WORD: runs a part of database.py in the registry's image, to its end.
once() {
  start "$1" "$2" --restart no --volume "$aws" --volume /opt/quilt/database.py:/etc/quilt/database.py:ro \
    "$REGISTRY_IMAGE" python3 /etc/quilt/database.py "$3"
  docker logs --follow "$1"
  result=$(docker wait "$1")
  [ "$result" -eq 0 ] || echo "$1 failed, see above; what ran before goes on running." >&2
  exit "$result"
}

case ${1:-} in
--wait)
  # Also before the boot lets anybody else in; see nginx.conf.
  sites=http://127.0.0.1:8081
  until curl -fso /dev/null "$sites/healthcheck" && curl -fso /dev/null -H "Host: $CATALOG_HOST" "$sites/"; do
    sleep 1
  done
  ;;
--fetch) fetch ;;
--create-database) once create-database database create ;;
--migrate) once migration registry migrate ;;
'')
  # One start at a time: the refresh may restart the containers as well.
  exec 9<start.sh
  flock 9
  # Checked before anything is stopped.
  if [[ $(<env/registry) =~ (^|$'\n'|export )AWS_SECRET_KEY= ]]; then
    echo "env/registry sets AWS_SECRET_KEY: rename it to AWS_SECRET_ACCESS_KEY, then run ./start.sh again." >&2
    exit 1
  fi
  fetch
  # With tcp_retries2, a connection to a database host that is gone ends after half a minute, not a quarter of an hour.
  start registry registry --volume "$aws" --sysctl net.ipv4.tcp_retries2=6 "$REGISTRY_IMAGE"
  start catalog catalog --volume /opt/quilt/catalog-log:/var/log/nginx:ro "$CATALOG_IMAGE"
  # At the first start something else has the ports, which says that the registry is starting (user-data.sh).
  sudo systemctl stop quilt-starting 2>/dev/null || :
  # shellcheck disable=SC2016  # for the shell in the container
  start registry-nginx stack --volume /opt/quilt/nginx.conf:/etc/quilt/nginx.conf:ro \
    --volume /opt/quilt/state:/etc/quilt/state:ro --publish "$SITES_PORT:80" --publish "$REDIRECT_PORT:8080" \
    --publish 127.0.0.1:8081:8081 "$NGINX_IMAGE" sh -c '
      resolver=$(sed -n "s/^nameserver //p" /etc/resolv.conf | head -n 1)
      sed "s/@RESOLVER@/$resolver/; s/@CATALOG_HOST@/$CATALOG_HOST/; s/@REGISTRY_HOST@/$REGISTRY_HOST/" \
        /etc/quilt/nginx.conf >/tmp/nginx.conf
      exec nginx -c /tmp/nginx.conf -g "daemon off;"'
  ;;
*)
  echo "start.sh knows --wait, --fetch, --create-database and --migrate, not $1; without them it starts the containers." >&2
  exit 2
  ;;
esac
