#!/usr/bin/env python3
"""The registry's script: only prompts, and refuses what the registry refuses."""

import os
import re
import sys

import sqlalchemy

name, mail, password, again = [
    input(prompt) for prompt in ("Username: ", "Email: ", "Password: ", "Confirm password: ")
]
if not re.match("^[a-z][a-z0-9_]*$", name) or name in ("team", "public", "anonymous", "quilt"):
    print("Failure: user name")
    sys.exit(2)
if len(password) < 8 or password != again:
    print("Failure: password")
    sys.exit(2)
with sqlalchemy.create_engine(os.environ["SQLALCHEMY_DATABASE_URI"]).begin() as database:
    if database.execute("select count(*) from admins where name = %s", (name,)).scalar():
        print("Failure: this user exists")
        sys.exit(2)
    database.execute("insert into admins values (%s, %s, %s)", (name, mail, password))
print("Success.")
