"""The registry: speaks the uwsgi protocol on 9000, answers with what it was asked and how it was started.

https://uwsgi-docs.readthedocs.io/en/latest/Protocol.html
"""

import json
import os
import signal
import socket
import threading

signal.signal(signal.SIGHUP, lambda *_: print("reloading", flush=True))
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
print("the registry is up", flush=True)


def serve(connection):
    with connection, connection.makefile("rwb") as stream:
        size = int.from_bytes(stream.read(4)[1:3], "little")
        data = stream.read(size)
        words = []
        while data:
            length = int.from_bytes(data[:2], "little")
            words.append(data[2 : 2 + length].decode())
            data = data[2 + length :]
        asked = dict(zip(words[::2], words[1::2], strict=True))
        body = "ok" if asked["REQUEST_URI"] == "/healthcheck" else json.dumps([asked, dict(os.environ)])
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body.encode())}\r\n\r\n"
        stream.write((head + body).encode())


listener = socket.create_server(("0.0.0.0", 9000))
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],)).start()
