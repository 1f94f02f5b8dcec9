#!/usr/bin/env python3
"""flask db upgrade: 14 migrations, without a lock; prints whether the database was reached over TLS.

A table `refused` in the database makes them fail, a table `hangs` makes them hang. It does without SQLAlchemy, whose
import takes longer than all the rest; what SQLAlchemy makes of the database's URI, registry.py shows.
"""

import os
import socket
import sys
import time

import psycopg2

assert sys.argv[1:] == ["db", "upgrade"]
connection = psycopg2.connect(os.environ["SQLALCHEMY_DATABASE_URI"])
connection.autocommit = True
database = connection.cursor()


def value(query):
    database.execute(query)
    return database.fetchone()[0]


database.execute("create table if not exists steps (number int, host text)")
database.execute("create table if not exists admins (name text, mail text, password text)")
database.execute("create table if not exists packages (owner text, name text, hash text, blobs text)")
done = value("select count(*) from steps")
if value("select to_regclass('refused')"):
    sys.exit("this migration does not fit the data")
if value("select to_regclass('hangs')"):
    database.execute("select pg_sleep(3600)")
for number in range(done, 14):
    time.sleep(0.02)
    database.execute("insert into steps values (%s, %s)", (number, socket.gethostname()))
tls = value("select ssl from pg_stat_ssl where pid = pg_backend_pid()")
print("migrated, TLS is" if done < 14 else "nothing to migrate, TLS is", tls)
