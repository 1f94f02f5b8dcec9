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
# arguments. An access key is not among them: what a container's environment has, no reload can change.
start() (
  key='/^(export )?AWS_(ACCESS_KEY_ID|SECRET_ACCESS_KEY)=/d'
  names=$(sed -nE "$key; s/^(export )?([A-Za-z_][A-Za-z0-9_]*)=.*/--env=\2/p" "env/$2")
  set -o allexport
  # shellcheck source=/dev/null
  . "env/$2"
  if lacks network quilt; then docker network create quilt >/dev/null; fi
  docker rm --force "$1" >/dev/null 2>&1
  # shellcheck disable=SC2086  # names have no spaces
  docker run $names --detach --name "$1" --network quilt --restart unless-stopped "${@:3}" >/dev/null
)

# pull IMAGE: downloads an image; a download that stands still is ended. For one in Amazon ECR it logs in with a token of
# the instance's role, whoever this shell is otherwise. The token is in docker's configuration, and that in a folder which
# nobody else can read and which is gone afterwards, however this ends.
# https://docs.aws.amazon.com/AmazonECR/latest/userguide/registry_auth.html
pull() (
  if [[ $1 =~ ^([0-9]{12}\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com)/ ]]; then
    host=${BASH_REMATCH[1]} region=${BASH_REMATCH[2]}
    unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_CONFIG_FILE AWS_SHARED_CREDENTIALS_FILE
    DOCKER_CONFIG=$(mktemp --directory) || exit
    trap 'rm -rf "$DOCKER_CONFIG"' EXIT
    export DOCKER_CONFIG
    said=$(aws ecr get-login-password --region "$region" --cli-connect-timeout 10 --cli-read-timeout 10 |
      timeout --kill-after=5 30 docker login --username AWS --password-stdin "$host" 2>&1) || {
      echo "$said"
      echo "The instance can't log in to $host: an image in Amazon ECR has to be in the stack's own account."
      exit 1
    } >&2
  fi
  timeout --foreground --kill-after=5 120 docker pull --quiet "$1"
)

# Docker Hub limits how often an address asks in a minute, so the pauses take two.
# https://docs.docker.com/docker-hub/usage/
fetch() {
  for image in "$REGISTRY_IMAGE" "$CATALOG_IMAGE" "$NGINX_IMAGE"; do
    for pause in 4 8 16 32 60 0; do
      if ! lacks image "$image" || pull "$image"; then continue 2; fi
      sleep $pause
    done
    echo "The image $image can't be downloaded: the last answer of its container registry is above." >&2
    exit 1
  done
}

# once NAME ENVIRONMENT WORD SECONDS: runs a part of database.py in the registry's image, to its end or for so long. The
# limit is in the container, which would outlive this script; and the database ends what an ended client has begun.
# https://www.postgresql.org/docs/16/runtime-config-connection.html#GUC-CLIENT-CONNECTION-CHECK-INTERVAL
once() {
  start "$1" "$2" --restart no --volume "$aws" --volume /opt/quilt/database.py:/etc/quilt/database.py:ro \
    --env "PGOPTIONS=-c client_connection_check_interval=2000" \
    "$REGISTRY_IMAGE" timeout --signal=KILL "$4" python3 /etc/quilt/database.py "$3"
  docker logs --follow "$1"
  result=$(docker wait "$1")
  [ "$result" -ne 137 ] || echo "$1 was ended, because it took $4 seconds or too much memory." >&2
  [ "$result" -eq 0 ] || echo "$1 failed, see above; what ran before goes on running." >&2
  exit "$result"
}

# answers HOST: whether a site answers, also before the boot lets anybody else in; see nginx.conf.
answers() { curl -fso /dev/null --max-time 5 -H "Host: $1" http://127.0.0.1:8081/healthcheck; }

case ${1:-} in
--wait)
  until
    silent=
    answers "$REGISTRY_HOST" || silent=registry
    answers "$CATALOG_HOST" || silent="${silent:+$silent and }catalog"
    [ -z "$silent" ]
  do
    if [ $SECONDS -ge 90 ]; then
      echo "After 90 seconds there is no answer from $silent: see docker logs registry and docker logs catalog." >&2
      exit 1
    fi
    sleep 1
  done
  ;;
--fetch) fetch ;;
--create-database) once create-database database create 140 ;;
--migrate) once migration registry migrate 230 ;;
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
  # The role's credentials are brought by the boot and the refresh.
  if [[ $(<env/registry) =~ (^|$'\n'|export )AWS_(ACCESS_KEY_ID|SECRET_ACCESS_KEY)= ]]; then
    sudo python3 /opt/quilt/credentials.py
  fi
  # Eight pushes of 70 MB at once take 5 GB: the registry has all of the swap, and what the rest does not need of the
  # memory. Where even that does not suffice, the kernel ends one of its workers before anything else.
  memory=$(awk '/^MemTotal:/ { print $2 - 300 * 1024 }' /proc/meminfo)
  swap=$(awk '/^SwapTotal:/ { print $2 }' /proc/meminfo)
  # With tcp_retries2, a connection to a database host that is gone ends after half a minute, not a quarter of an hour.
  # uwsgi refuses a queue that is longer than somaxconn.
  start registry registry --volume "$aws" --sysctl net.ipv4.tcp_retries2=6 --sysctl net.core.somaxconn=1024 \
    --memory "${memory}k" --memory-swap "$((memory + swap))k" --oom-score-adj 500 "$REGISTRY_IMAGE"
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
