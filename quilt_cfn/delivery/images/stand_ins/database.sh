#!/bin/bash
# Run once by the entry point of PostgreSQL's official image, before the server listens: makes it what RDS is. It takes
# nothing but TLS and passwords, its superuser is not the customer's, and the master user is none.
# https://hub.docker.com/_/postgres, "Initialization scripts"
set -euo pipefail
install -m 600 /trial/server.key "$PGDATA/server.key"
printf '%s\n' "ssl = on" "ssl_cert_file = '/trial/server.pem'" "ssl_key_file = 'server.key'" >>"$PGDATA/postgresql.conf"
printf '%s\n' "local all all trust" "hostssl all all all scram-sha-256" >"$PGDATA/pg_hba.conf"
psql --quiet --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres <<'END'
\set password `cat /trial/master-password`
create role rds_superuser;
grant pg_monitor, pg_signal_backend to rds_superuser;
create role quilt login createrole createdb password :'password' in role rds_superuser;
alter database postgres owner to quilt;
alter database template1 owner to quilt;
END
