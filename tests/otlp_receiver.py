"""Where spans are sent over OTLP/HTTP: a listener that takes them in and tells them as plain dicts."""

import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

KINDS = {1: "INTERNAL", 2: "SERVER", 3: "CLIENT"}


class Receiver:
    def __init__(self, port):
        self.endpoint = f"http://127.0.0.1:{port}"
        self.spans = []
        self.paths = set()
        self._news = threading.Condition()

    def take(self, path, body):
        with self._news:
            self.paths.add(path)
            self.spans.extend(_spans(ExportTraceServiceRequest.FromString(body)))
            self._news.notify_all()

    def until(self, found, seconds=30.0):
        """What `found` makes of all spans, once that is something true."""
        deadline = time.monotonic() + seconds
        with self._news:
            while not (told := found(self.spans)):
                assert self._news.wait(max(deadline - time.monotonic(), 0)), f"not among {self.spans}"
        return told

    def of_puid(self, puid, count):
        """By name: the spans of a request, once there are so many."""

        def found(spans):
            its = {span["name"]: span for span in spans if span["attributes"].get("seldon.puid") == puid}
            return its if len(its) >= count else None

        return self.until(found)


@contextmanager
def otlp_receiver():
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            chunked = self.headers.get("transfer-encoding") == "chunked"  # as Envoy sends them
            body = self._chunks() if chunked else self.rfile.read(int(self.headers["content-length"]))
            receiver.take(self.path, body)
            self.send_response(200)
            self.send_header("content-type", "application/x-protobuf")
            self.send_header("content-length", "0")
            self.end_headers()

        def _chunks(self):
            body = b""
            while n_bytes := int(self.rfile.readline(), 16):
                body += self.rfile.read(n_bytes)
                self.rfile.readline()
            self.rfile.readline()
            return body

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    receiver = Receiver(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _spans(request):
    for of_resource in request.resource_spans:
        resource = _attributes(of_resource.resource.attributes)
        for scope in of_resource.scope_spans:
            for span in scope.spans:
                yield {
                    "name": span.name,
                    "kind": KINDS[span.kind],
                    "trace": span.trace_id.hex(),
                    "id": span.span_id.hex(),
                    "parent": span.parent_span_id.hex(),
                    "start": span.start_time_unix_nano,
                    "end": span.end_time_unix_nano,
                    "attributes": _attributes(span.attributes),
                    "links": {link.span_id.hex() for link in span.links},
                    "is_error": span.status.code == 2,
                    "said": span.status.message,
                    "resource": resource,
                }


def _attributes(pairs):
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}
