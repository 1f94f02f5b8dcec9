#!/usr/bin/env python3
"""flask db upgrade: 14 migrations, without a lock; prints whether the database was reached over TLS.

A table `refused` in the database makes them fail, a table `hangs` makes them hang.
"""

import os
import socket
import sys
import time

import sqlalchemy

assert sys.argv[1:] == ["db", "upgrade"]
database = sqlalchemy.create_engine(os.environ["SQLALCHEMY_DATABASE_URI"]).connect()
database.execute("create table if not exists steps (number int, host text)")
database.execute("create table if not exists admins (name text, mail text, password text)")
done = database.execute("select count(*) from steps").scalar()
if database.execute("select to_regclass('refused')").scalar():
    sys.exit("this migration does not fit the data")
if database.execute("select to_regclass('hangs')").scalar():
    database.execute("select pg_sleep(3600)")
for number in range(done, 14):
    time.sleep(0.02)
    database.execute("insert into steps values (%s, %s)", (number, socket.gethostname()))
tls = database.execute("select ssl from pg_stat_ssl where pid = pg_backend_pid()").scalar()
print("migrated, TLS is" if done < 14 else "nothing to migrate, TLS is", tls)
