"""What stands for AWS in a trial: S3, the mail service, the load balancer. It runs in the registry's image: Python 3.5.

/trial/settings.json has the bucket, its Region, the access keys that are known, and the mail service's user. Each
request of S3 and each mail is a line of JSON on standard output.
"""

import base64
import hashlib
import hmac
import json
import select
import socket
import socketserver
import ssl
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlsplit

SETTINGS = json.loads(Path("/trial/settings.json").read_text())
TLS = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
TLS.load_cert_chain("/trial/server.pem", "/trial/server.key")


OBJECTS = {}
"""Key -> content."""


def tell(what):
    print(json.dumps(what), flush=True)


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_):
        """A client that goes is no error."""


class S3(BaseHTTPRequestHandler):
    """Objects of one bucket, over TLS, for requests whose URL is signed with version 4.

    https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
    """

    protocol_version = "HTTP/1.1"

    def setup(self):
        self.request = TLS.wrap_socket(self.request, server_side=True)
        super().setup()

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status, text = self.decide(body)
        tell({"s3": [self.command, self.path.partition("?")[0], status, text.decode() if status >= 400 else ""]})
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    do_GET = do_HEAD = do_PUT = answer

    def decide(self, body):
        url = urlsplit(self.path)
        bucket, key = self.place(unquote(url.path))
        if bucket != SETTINGS["bucket"]:
            return 404, b"NoSuchBucket"
        fault = self.fault(url)
        if fault:
            return 403, fault.encode()
        if self.command == "PUT":
            OBJECTS[key] = body
            return 200, b""
        return (200, OBJECTS[key]) if key in OBJECTS else (404, b"NoSuchKey")

    def place(self, path):
        """Bucket and key: the bucket is a part of the host's name or the first of the path."""
        host = self.headers["Host"].partition(":")[0]
        if host != SETTINGS["s3"]:
            return host[: -len(SETTINGS["s3"]) - 1], path[1:]
        bucket, _, key = path[1:].partition("/")
        return bucket, key

    def fault(self, url):
        """What is wrong with the signature; nothing if it is right."""
        query = parse_qsl(url.query, keep_blank_values=True)
        fields = dict(query)
        if "X-Amz-Signature" not in fields:
            return "SignatureVersion2" if "Signature" in fields else "AccessDenied"
        key, day, region, service, _ = fields["X-Amz-Credential"].split("/")
        if key not in SETTINGS["keys"]:
            return "InvalidAccessKeyId"
        if (region, service) != (SETTINGS["region"], "s3"):
            return "AuthorizationQueryParametersError"
        encoded = sorted((quote(a, "-_.~"), quote(b, "-_.~")) for a, b in query if a != "X-Amz-Signature")
        names = fields["X-Amz-SignedHeaders"].split(";")
        headers = ["{}:{}".format(name, " ".join(self.headers.get(name, "").split())) for name in names]
        lines = [self.command, quote(unquote(url.path), "/-_.~"), "&".join(map("=".join, encoded)), *headers, ""]
        request = "\n".join([*lines, fields["X-Amz-SignedHeaders"], "UNSIGNED-PAYLOAD"])
        scope = "/".join([day, region, service, "aws4_request"])
        hashed = hashlib.sha256(request.encode()).hexdigest()
        text = "\n".join(["AWS4-HMAC-SHA256", fields["X-Amz-Date"], scope, hashed])
        secret = ("AWS4" + SETTINGS["keys"][key]).encode()
        for part in (day, region, service, "aws4_request", text):
            secret = hmac.new(secret, part.encode(), "sha256").digest()
        right = base64.b16encode(secret).decode().lower()
        return "" if hmac.compare_digest(right, fields["X-Amz-Signature"]) else "SignatureDoesNotMatch"

    def log_message(self, *_):
        """It is told otherwise."""


class Mail(socketserver.StreamRequestHandler):
    """A mail service like Amazon SES, which wants STARTTLS and a login."""

    def handle(self):
        self.tls = self.known = False
        self.recipients = []
        self.reply("220 mail")
        for line in iter(lambda: self.rfile.readline(), b""):  # which is another file after STARTTLS
            verb, _, rest = line.decode(errors="replace").strip().partition(" ")
            answer = self.answer(verb.upper(), rest)
            self.reply(answer)
            if answer[:3] >= "500":
                tell({"mail refused": answer})
            if verb.upper() == "STARTTLS" and not self.tls:
                self.request = TLS.wrap_socket(self.request, server_side=True)
                self.tls = True
                self.setup()
            if answer[:3] == "354":
                self.take()
            if verb.upper() == "QUIT":
                return

    def answer(self, verb, rest):
        if verb == "EHLO":
            return "250-mail\r\n250 " + ("AUTH PLAIN LOGIN" if self.tls else "STARTTLS")
        if verb == "STARTTLS":
            return "220 go ahead"
        if verb in ("AUTH", "MAIL") and not self.tls:
            return "530 Must issue a STARTTLS command first"
        if verb == "AUTH":
            self.known = self.credentials(rest) == SETTINGS["mail"]
            return "235 Authentication successful" if self.known else "535 Authentication Credentials Invalid"
        if verb in ("MAIL", "RCPT", "DATA") and not self.known:
            return "530 Authentication required"
        if verb == "RCPT":
            self.recipients.append(rest.partition("<")[2].partition(">")[0])
        return {"QUIT": "221 bye", "DATA": "354 go ahead"}.get(verb, "250 fine")

    def credentials(self, rest):
        """User name and password, as AUTH PLAIN and AUTH LOGIN say them."""
        method, _, first = rest.partition(" ")
        if method.upper() == "PLAIN":
            return self.decoded(first or self.ask("")).split("\0")[1:]
        return [self.decoded(first or self.ask("Username:")), self.decoded(self.ask("Password:"))]

    def take(self):
        """The mail itself, whose end is a line with a dot."""
        lines = iter(lambda: self.rfile.readline().decode(errors="replace").rstrip("\r\n"), ".")
        tell({"mail": self.recipients, "text": "\n".join(lines)})
        self.recipients = []
        self.reply("250 fine")

    def decoded(self, text):
        return base64.b64decode(text).decode(errors="replace")

    def ask(self, what):
        self.reply("334 " + base64.b64encode(what.encode()).decode())
        return self.rfile.readline().decode().strip()

    def reply(self, text):
        self.wfile.write(text.encode() + b"\r\n")


class LoadBalancer(socketserver.BaseRequestHandler):
    """Ends TLS, and passes what is inside to the sites, as the stack's load balancer does."""

    def handle(self):
        client = TLS.wrap_socket(self.request, server_side=True)
        with client, socket.create_connection(("registry-nginx", 80), timeout=5) as sites:
            other = {client: sites, sites: client}
            for side in other:
                side.settimeout(350)
            while True:
                ready = [client] if client.pending() else select.select([client, sites], [], [], 350)[0]
                for side in ready:
                    data = side.recv(65536)
                    other[side].sendall(data)
                    if not data:
                        return
                if not ready:
                    return


for port, handler in ((443, S3), (587, Mail), (8443, LoadBalancer)):
    threading.Thread(target=Server(("", port), handler).serve_forever).start()
