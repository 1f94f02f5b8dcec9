#!/usr/bin/python3
"""flask db upgrade: a migration that does not guard itself, and says over what it reached the database."""

import os
import time

import sqlalchemy

with sqlalchemy.create_engine(os.environ["SQLALCHEMY_DATABASE_URI"]).begin() as database:
    if database.execute("select to_regclass('migrated')").scalar():
        print("nothing to migrate")
    else:
        time.sleep(0.5)
        database.execute("create table migrated (at timestamp)")
        tls = database.execute("select ssl from pg_stat_ssl where pid = pg_backend_pid()").scalar()
        print("migrated, TLS is", tls)
