"""The registry: answers requests of the uwsgi protocol on port 9000.

    /healthcheck    as the real one: does not need the database; 500 when an environment variable is missing
    /api/packages   a number from the database, over a pool of connections
    /api/mail       the mail service's answer to NOOP
    /api/key        the access key that URLs would be signed with
    anything else   the request's and the environment's variables

https://uwsgi-docs.readthedocs.io/en/latest/Protocol.html
"""

import json
import os
import re
import signal
import smtplib
import socket
import threading
from functools import cache
from pathlib import Path

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
    return re.search("aws_access_key_id=(.*)", Path(os.environ["AWS_SHARED_CREDENTIALS_FILE"]).read_text())[1]


def reload(*_):
    global key
    key = key_id()
    print("reloading", flush=True)


@cache
def database():
    import sqlalchemy  # late: it takes a third of a second, and the health check does not need it

    return sqlalchemy.create_engine(os.environ["SQLALCHEMY_DATABASE_URI"])


def packages():
    with database().connect() as connection:
        return str(connection.execute("select count(*) from steps").scalar())


def mail():
    with smtplib.SMTP(os.environ["SMTP_HOST"], int(os.environ["SMTP_PORT"]), timeout=5) as service:
        return str(service.noop()[0])


def health():
    if not os.environ.keys() >= REQUIRED:
        raise LookupError("no python application found")
    return "ok"


def answer(request):
    paths = {"/healthcheck": health, "/api/packages": packages, "/api/mail": mail, "/api/key": lambda: key}
    body = paths.get(request["REQUEST_URI"], lambda: json.dumps([request, dict(os.environ)]))
    try:
        return "200 OK", body()
    except Exception as error:
        return "500 Internal Server Error", type(error).__name__


def serve(connection):
    with connection, connection.makefile("rwb") as stream:
        size = int.from_bytes(stream.read(4)[1:3], "little")
        data = stream.read(size)
        words = []
        while data:
            length = int.from_bytes(data[:2], "little")
            words.append(data[2 : 2 + length].decode())
            data = data[2 + length :]
        request = dict(zip(words[::2], words[1::2], strict=True))
        # A connection that is closed with something unread is reset, and the answer lost.
        stream.read(int(request.get("CONTENT_LENGTH") or 0))
        status, body = answer(request)
        stream.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(body.encode())}\r\n\r\n{body}".encode())


key = key_id()
signal.signal(signal.SIGHUP, reload)
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
print("the registry is up", flush=True)
listener = socket.create_server(("0.0.0.0", 9000))
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],)).start()
