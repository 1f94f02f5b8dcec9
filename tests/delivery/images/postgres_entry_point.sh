#!/bin/bash
# Stands for the entry point of PostgreSQL's official image, as far as its page describes it: with POSTGRES_USER and
# POSTGRES_PASSWORD it makes a database in PGDATA at the first start, runs what is in /docker-entrypoint-initdb.d before
# the server listens to anybody else, and then runs the server as the user postgres. https://hub.docker.com/_/postgres
set -euo pipefail
export PGDATA=/var/lib/postgresql/data
bin=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort --version-sort | tail --lines 1)
PATH=$bin:/usr/bin:/usr/sbin
if [ "$(id -u)" = 0 ]; then
  mkdir -p "$PGDATA" /var/run/postgresql
  chown -R postgres "$PGDATA" /var/run/postgresql
  exec setpriv --reuid postgres --regid postgres --clear-groups "$0" "$@"
fi
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  initdb --username "$POSTGRES_USER" --pwfile <(echo "$POSTGRES_PASSWORD") --auth-host scram-sha-256 --auth-local trust \
    --no-sync >/dev/null
  echo "listen_addresses = '*'" >>"$PGDATA/postgresql.conf"
  pg_ctl --options "-c listen_addresses=''" --wait start >/dev/null
  for script in /docker-entrypoint-initdb.d/*.sh; do "$script"; done
  pg_ctl --mode fast --wait stop >/dev/null
fi
exec postgres "$@"
