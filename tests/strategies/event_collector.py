"""A program that keeps the CloudEvents posted to it, in a Pod of its own; whoever gets / is told all of them.

Nothing but Python's own library, for its text is what the Pod is started with.
"""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

EVENTS = []


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        EVENTS.append([{name.lower(): value for name, value in self.headers.items()}, body.decode()])
        self.answer(b"")

    def do_GET(self):
        self.answer(json.dumps(EVENTS).encode())

    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    ThreadingHTTPServer(("", 8080), Handler).serve_forever()
