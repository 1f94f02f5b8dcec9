"""The registry, which uwsgi runs (uwsgi.ini): imports this before it makes its workers, and again at a reload.

    /healthcheck    does not need the database
    /api/login      POST: 401 unless the database knows the user with this password
    /api/push       POST: the number of files in its JSON; as memory goes, like the real one with a package
    /api/packages   a number from the database, over a pool of connections
    /api/mail       the mail service's answer to NOOP
    /api/key        the access key that URLs would be signed with
    anything else   the request's and the environment's variables

While a variable is missing uwsgi has no application, and answers everything with 500, as the real one does. The file
import-seconds beside the AWS configuration says how long all that the real one imports takes.
"""

import json
import os
import re
import smtplib
import time
from pathlib import Path

import sqlalchemy

REQUIRED = {
    "SQLALCHEMY_DATABASE_URI",
    "REGISTRY_URL",
    "CATALOG_URL",
    "PACKAGE_BUCKET_NAME",
    "S3_ENDPOINT",
    "QUILT_SECRET_KEY",
    "QUILT_DEFAULT_SENDER",
    "AWS_DEFAULT_REGION",
    "SMTP_HOST",
    "SMTP_PORT",
    "SMTP_USE_TLS",
}


def key_id():
    """From the environment, or from the shared credentials file; read once, as the real client does."""
    if "AWS_ACCESS_KEY_ID" in os.environ:
        return os.environ["AWS_ACCESS_KEY_ID"] if os.environ["AWS_SECRET_ACCESS_KEY"] else None
    return re.search("aws_access_key_id ?= ?(.*)", Path(os.environ["AWS_SHARED_CREDENTIALS_FILE"]).read_text())[1]


def health(_):
    return "200 OK", "ok"


def login(body):
    user = json.loads(body)
    with database.connect() as connection:
        known = connection.execute(
            "select count(*) from admins where (name, password) = (%s, %s)", (user["username"], user["password"])
        ).scalar()
    return ("200 OK", "a token") if known else ("401 Unauthorized", "Login attempt failed")


def push(body):
    text = body.decode()
    package = json.loads(text)
    stored = json.dumps(package).encode()
    return "200 OK", str(stored.count(b'"FILE"'))


def packages(_):
    with database.connect() as connection:
        return "200 OK", str(connection.execute("select count(*) from steps").scalar())


def mail(_):
    with smtplib.SMTP(os.environ["SMTP_HOST"], int(os.environ["SMTP_PORT"]), timeout=5) as service:
        return "200 OK", str(service.noop()[0])


def signing_key(_):
    return "200 OK", key


PATHS = {
    "/healthcheck": health,
    "/api/login": login,
    "/api/push": push,
    "/api/packages": packages,
    "/api/mail": mail,
    "/api/key": signing_key,
}


def application(request, start_response):
    body = request["wsgi.input"].read()
    try:
        if request["PATH_INFO"] in PATHS:
            status, answer = PATHS[request["PATH_INFO"]](body)
        else:
            texts = {name: value for name, value in request.items() if isinstance(value, str)}
            status, answer = "200 OK", json.dumps([texts, dict(os.environ)])
    except Exception as error:
        status, answer = "500 Internal Server Error", type(error).__name__
    start_response(status, [("Content-Type", "text/plain"), ("Content-Length", str(len(answer.encode())))])
    return [answer.encode()]


assert os.environ.keys() >= REQUIRED
import_seconds = Path("/etc/quilt/aws/import-seconds")
time.sleep(float(import_seconds.read_text()) if import_seconds.exists() else 0)
key = key_id()
database = sqlalchemy.create_engine(os.environ["SQLALCHEMY_DATABASE_URI"])
