"""The registry, which uwsgi runs (uwsgi.ini): imports this before it makes its workers, and again at a reload.

    /healthcheck    does not need the database
    /api/login      POST: 401 unless the database knows the user with this password, who gets a token
    /api/reset_password  POST: a mail with a link to the catalog, if the database knows the address
    /api/package/OWNER/NAME/HASH  PUT and GET, with the owner's token: signed URLs for S3, and the package's contents
    /api/push       POST: the number of files in its JSON; as memory goes, like the real one with a package
    /api/packages   a number from the database, over a pool of connections
    /api/mail       the mail service's answer to NOOP
    /api/key        the access key that URLs would be signed with
    anything else   the request's and the environment's variables

While a variable is missing uwsgi has no application, and answers everything with 500, as the real one does. The file
import-seconds beside the AWS configuration says how long all that the real one imports takes.
"""

import hashlib
import hmac
import json
import os
import re
import smtplib
import time
from pathlib import Path
from urllib.parse import quote, urlsplit

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


def access_key():
    """ID, secret and token, from the environment or the shared credentials file; read once, as the real client does."""
    if "AWS_ACCESS_KEY_ID" in os.environ:
        return (
            (os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"])
            if os.environ["AWS_SECRET_ACCESS_KEY"]
            else None
        )
    text = Path(os.environ["AWS_SHARED_CREDENTIALS_FILE"]).read_text()
    found = dict(re.findall("(?m)^(aws_[a-z_]*) ?= ?(.*)$", text))
    return found["aws_access_key_id"], found["aws_secret_access_key"], found.get("aws_session_token", "")


def health(_):
    return "200 OK", "ok"


def login(body):
    user = json.loads(body)
    with database.connect() as connection:
        known = connection.execute(
            "select count(*) from admins where (name, password) = (%s, %s)", (user["username"], user["password"])
        ).scalar()
    if not known:
        return "401 Unauthorized", json.dumps({"message": "Login attempt failed"})
    return "200 OK", json.dumps({"token": token(user["username"])})


def token(name):
    return name + "." + hmac.new(os.environ["QUILT_SECRET_KEY"].encode(), name.encode(), "sha256").hexdigest()


def reset_password(body):
    address = json.loads(body)["email"]
    with database.connect() as connection:
        known = connection.execute("select count(*) from admins where mail = %s", (address,)).scalar()
    if known:
        sender, link = os.environ["QUILT_DEFAULT_SENDER"], os.environ["CATALOG_URL"] + "/reset_password/x"
        with smtplib.SMTP(os.environ["SMTP_HOST"], int(os.environ["SMTP_PORT"]), timeout=5) as service:
            if os.environ["SMTP_USE_TLS"] == "true":
                service.starttls()
            service.login(os.environ["SMTP_USERNAME"], os.environ["SMTP_PASSWORD"])
            service.sendmail(sender, [address], f"From: {sender}\r\nTo: {address}\r\n\r\n{link}\r\n")
    return "200 OK", "{}"


def package(request, body):
    """Like the real one, it compares the hash with the contents, and keeps what is no dry run."""
    _, _, _, owner, name, digest = request["PATH_INFO"].split("/")
    if request.get("HTTP_AUTHORIZATION") != f"Bearer {token(owner)}":
        return "401 Unauthorized", json.dumps({"message": "Not logged in"})
    if request["REQUEST_METHOD"] == "PUT":
        pushed = json.loads(body)
        if tree_hash(pushed["contents"]) != digest:
            return "400 Bad Request", json.dumps({"message": "Wrong contents hash"})
        if pushed.get("dry_run"):
            urls = {
                each: {"head": sign("HEAD", owner, each), "put": sign("PUT", owner, each)} for each in pushed["sizes"]
            }
            return "200 OK", json.dumps({"upload_urls": urls})
    with database.connect() as connection:
        if request["REQUEST_METHOD"] == "PUT":
            values = (owner, name, digest, " ".join(pushed["sizes"]))
            connection.execute("insert into packages values (%s, %s, %s, %s)", values)
            return "200 OK", json.dumps({"package_url": f"{os.environ['CATALOG_URL']}/package/{owner}/{name}"})
        query = "select blobs from packages where (owner, name, hash) = (%s, %s, %s)"
        blobs = connection.execute(query, (owner, name, digest)).scalar()
    return "200 OK", json.dumps({"urls": {each: sign("GET", owner, each) for each in blobs.split()}})


def tree_hash(contents):
    """What a package is called by: the hash of its tree, in which each text and list has its length before it."""

    def parts(node):
        yield text(node["type"])
        members = sorted(node.get("children", {}).items()) or node.get("hashes", [])
        yield len(members).to_bytes(4, "big")
        for member in members:
            if isinstance(member, str):
                yield text(member)
            else:
                yield text(member[0])
                yield from parts(member[1])

    def text(value):
        return len(value).to_bytes(4, "big") + value.encode()

    return hashlib.sha256(b"".join(parts(contents))).hexdigest()


def sign(method, owner, blob):
    """A URL for an object, signed with version 4 for a day."""
    key, secret, session = (*access, "")[:3]
    host = os.environ["PACKAGE_BUCKET_NAME"] + "." + urlsplit(os.environ["S3_ENDPOINT"]).netloc
    now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    scope = (now[:8], os.environ["AWS_DEFAULT_REGION"], "s3", "aws4_request")
    query = {
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": "/".join([key, *scope]),
        "X-Amz-Date": now,
        "X-Amz-Expires": "86400",
        "X-Amz-SignedHeaders": "host",
        **({"X-Amz-Security-Token": session} if session else {}),
    }
    fields = "&".join(f"{name}={quote(value, '')}" for name, value in sorted(query.items()))
    path = f"/objs/{owner}/{blob}"
    request = "\n".join([method, path, fields, f"host:{host}", "", "host", "UNSIGNED-PAYLOAD"])
    hashed = hashlib.sha256(request.encode()).hexdigest()
    signature = ("AWS4" + secret).encode()
    for part in (*scope, "\n".join(["AWS4-HMAC-SHA256", now, "/".join(scope), hashed])):
        signature = hmac.new(signature, part.encode(), "sha256").digest()
    return f"https://{host}{path}?{fields}&X-Amz-Signature={signature.hex()}"


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
    return "200 OK", access[0]


PATHS = {
    "/healthcheck": health,
    "/api/login": login,
    "/api/reset_password": reset_password,
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
        elif request["PATH_INFO"].startswith("/api/package/"):
            status, answer = package(request, body)
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
access = access_key()
database = sqlalchemy.create_engine(os.environ["SQLALCHEMY_DATABASE_URI"])
