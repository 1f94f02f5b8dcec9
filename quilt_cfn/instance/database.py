"""Prepares the registry's database. It runs in the registry's image, whose Python is 3.5.

database.py create     makes the database and the user that owns it, or gives both what they should have
database.py migrate    migrates the database to the schema of this release
"""

import base64
import hashlib
import hmac
import os
import subprocess
import sys
import time

from sqlalchemy import create_engine
from sqlalchemy.exc import DBAPIError, OperationalError

REFUSED = (
    "The database refuses the user quilt: either DBPassword is not its password, or the database is from a snapshot "
    "whose master user is not quilt, and only snapshots whose master user is quilt can be restored."
)


def connect(uri):
    """A connection that commits each statement. A database that restarts gets two minutes.

    SQLAlchemy connects, because libpq would read some characters of a password as a part of the URI.
    """
    deadline = time.time() + 120
    while True:
        try:
            return create_engine(uri, isolation_level="AUTOCOMMIT").connect()
        except OperationalError as error:
            # Neither another password nor another certificate comes by itself.
            if "authentication" in str(error) or "certificate" in str(error) or time.time() > deadline:
                raise
            time.sleep(2)


def verifier(password):
    """What PostgreSQL stores of a password, made here: a statement with the password in it could end up in its log.

    https://www.postgresql.org/docs/16/catalog-pg-authid.html
    """
    salt = os.urandom(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, 4096)
    client, server = (hmac.new(salted, word, "sha256").digest() for word in (b"Client Key", b"Server Key"))
    parts = [base64.b64encode(part).decode() for part in (salt, hashlib.sha256(client).digest(), server)]
    return "SCRAM-SHA-256$4096:{}${}:{}".format(*parts)


def create(uri, name, user, password):
    """As the master user, which in RDS is no superuser: to give a role something, it has to be its member."""
    master = connect(uri)
    # One instance at a time; the lock ends with the connection.
    master.execute("SELECT pg_advisory_lock(7165001)")
    if not master.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (user,)).scalar():
        master.execute("CREATE ROLE {}".format(user))
    master.execute("ALTER ROLE {} LOGIN PASSWORD '{}'".format(user, verifier(password)))
    master.execute("GRANT {} TO CURRENT_USER".format(user))
    if not master.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).scalar():
        master.execute("CREATE DATABASE {} OWNER {}".format(name, user))
        return
    # A restored one: the user gets it and all that the master user owns in it, in one transaction. REASSIGN OWNED takes
    # other databases along, which go back.
    others = "SELECT datname FROM pg_database WHERE datdba = CURRENT_USER::regrole AND datname <> %s"
    give = "REASSIGN OWNED BY CURRENT_USER TO {0}; ALTER DATABASE {1} OWNER TO {0}".format(user, name)
    for (other,) in master.execute(others, (name,)):
        give += '; ALTER DATABASE "{}" OWNER TO CURRENT_USER'.format(other)
    connect(uri.replace("/postgres?", "/{}?".format(name))).execute(give)


def migrate(uri):
    connection = connect(uri)
    # One instance at a time.
    connection.execute("SELECT pg_advisory_lock(7165001)")
    sys.exit(subprocess.call(["flask", "db", "upgrade"]))


try:
    value = os.environ.get
    if sys.argv[1] == "create":
        create(value("ADMIN_DATABASE_URI"), value("DATABASE_NAME"), value("DATABASE_USER"), value("DATABASE_PASSWORD"))
    else:
        migrate(value("SQLALCHEMY_DATABASE_URI"))
except DBAPIError as error:
    # Without the statement, which may hold a verifier.
    print("The database does not answer the registry:", error.orig)
    sys.exit(REFUSED if sys.argv[1] == "create" and "authentication" in str(error) else 1)
