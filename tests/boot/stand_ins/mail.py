"""A mail service that greets: mail.py ADDRESS PORT."""

import socketserver
import sys


class Greet(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(b"220 smtp.example.com\r\n")
        while line := self.rfile.readline():
            self.wfile.write(b"221 bye\r\n" if line.upper().startswith(b"QUIT") else b"250 fine\r\n")


socketserver.ThreadingTCPServer((sys.argv[1], int(sys.argv[2])), Greet).serve_forever()
