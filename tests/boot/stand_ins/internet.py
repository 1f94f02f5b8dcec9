"""The name server of a VPC, and the web servers in the Internet that an instance downloads from.

    internet.py FOLDER STACK ADDRESS CERTIFICATE NAME=ADDRESS...

The name server knows these names and no others. The web servers have one ADDRESS, and a CERTIFICATE with its key; what
they have is RDS's certificates, STACK/rds-certificates.pem, and packages of Amazon Linux, which are empty. While
"Certificates" or "Packages" is among the words of FOLDER/refused, they are busy.
"""

import socket
import socketserver
import ssl
import struct
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

FOLDER, STACK = map(Path, sys.argv[1:3])
ADDRESS, CERTIFICATE = sys.argv[3:5]
NAMES = dict(word.split("=") for word in sys.argv[5:])
# https://docs.aws.amazon.com/vpc/latest/userguide/AmazonDNS-concepts.html
NAME_SERVER = ("169.254.169.253", 53)
# https://www.rfc-editor.org/rfc/rfc1035#section-4
IPV4, IN, ANSWER, NO_SUCH_NAME = 1, 1, 0x8180, 3


def answer_names(server):
    while True:
        message, client = server.recvfrom(0xFFFF)
        server.sendto(answer(message), client)


def answer(message):
    """What a name server says: the name's address, that it has none of this type, or that there is no such name."""
    labels, at = [], 12
    while length := message[at]:
        labels.append(message[at + 1 : at + 1 + length].decode())
        at += 1 + length
    question = message[12 : at + 5]
    address = NAMES.get(".".join(labels).lower())
    found = b""
    if address and struct.unpack("!HH", question[-4:]) == (IPV4, IN):
        found = struct.pack("!HHHIH", 0xC00C, IPV4, IN, 60, 4) + socket.inet_aton(address)
    how = ANSWER | (0 if address else NO_SUCH_NAME)
    return message[:2] + struct.pack("!HHHHH", how, 1, 1 if found else 0, 0, 0) + question + found


class Web(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        certificates = self.path.endswith("-bundle.pem")
        busy = ("Certificates" if certificates else "Packages") in (FOLDER / "refused").read_text().split()
        text = (STACK / "rds-certificates.pem").read_bytes() if certificates and not busy else b""
        self.send_response(503 if busy else 200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


class WebServer(ThreadingHTTPServer):
    # Without looking the name of its address up.
    server_bind = socketserver.TCPServer.server_bind

    def get_request(self):
        client, address = super().get_request()
        # A client that begins TLS and does not go on holds up its own thread only.
        return TLS.wrap_socket(client, server_side=True, do_handshake_on_connect=False), address

    def handle_error(self, *_):
        """A client that goes is no error."""


TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
TLS.load_cert_chain(CERTIFICATE)
name_server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
name_server.bind(NAME_SERVER)
Thread(target=answer_names, args=(name_server,), daemon=True).start()
WebServer((ADDRESS, 443), Web).serve_forever()
