"""The catalog: index.html for any path, and an access log in a file, as its own nginx has it."""

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Catalog(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<title>catalog</title>")
        with open("/var/log/nginx/access.log", "a") as log:
            log.write(f"GET {self.path}\n")

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("0.0.0.0", 80), Catalog).serve_forever()
