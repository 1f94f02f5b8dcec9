#!/bin/bash
# Starts the registry's three containers, replacing those that run. With one of these arguments it only
#   --wait     waits until the registry and the catalog answer
#   --fetch    downloads the images that are missing
#   --migrate  migrates the database to the schema of this release
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

fetch() {
  for image in "$REGISTRY_IMAGE" "$CATALOG_IMAGE" "$NGINX_IMAGE"; do
    if lacks image "$image"; then docker pull --quiet "$image"; fi
  done
}

# One instance at a time, by a lock that PostgreSQL releases when the connection ends. SQLAlchemy connects, because
# libpq would read some characters of the password as a part of the URI. A database that restarts gets two minutes.
migrate() {
  start migration registry --restart no --volume "$aws" "$REGISTRY_IMAGE" python3 -c '
import os, subprocess, sys, time, sqlalchemy
deadline = time.time() + 120
while True:
    try:
        connection = sqlalchemy.create_engine(os.environ["SQLALCHEMY_DATABASE_URI"]).connect()
        break
    except sqlalchemy.exc.OperationalError as error:
        if "authentication" in str(error) or time.time() > deadline:
            sys.exit("The database does not answer the registry: %s" % error)
        time.sleep(2)
connection.execute("SELECT pg_advisory_lock(7165001)")
sys.exit(subprocess.call(["flask", "db", "upgrade"]))'
  docker logs --follow migration
  result=$(docker wait migration)
  [ "$result" -eq 0 ] || echo "The database could not be migrated, see above; what ran before goes on running." >&2
  exit "$result"
}

case ${1:-} in
--wait)
  sites=http://127.0.0.1:$SITES_PORT
  until curl -fso /dev/null "$sites/healthcheck" && curl -fso /dev/null -H "Host: $CATALOG_HOST" "$sites/"; do
    sleep 1
  done
  ;;
--fetch) fetch ;;
--migrate) migrate ;;
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
  # shellcheck disable=SC2016  # for the shell in the container
  start registry-nginx stack --volume /opt/quilt/nginx.conf:/etc/quilt/nginx.conf:ro \
    --publish "$SITES_PORT:80" --publish "$REDIRECT_PORT:8080" "$NGINX_IMAGE" sh -c '
      resolver=$(sed -n "s/^nameserver //p" /etc/resolv.conf | head -n 1)
      sed "s/@RESOLVER@/$resolver/; s/@CATALOG_HOST@/$CATALOG_HOST/; s/@REGISTRY_HOST@/$REGISTRY_HOST/" \
        /etc/quilt/nginx.conf >/tmp/nginx.conf
      exec nginx -c /tmp/nginx.conf -g "daemon off;"'
  ;;
*)
  echo "start.sh knows --wait, --fetch and --migrate, not $1; without them it starts the containers." >&2
  exit 2
  ;;
esac
