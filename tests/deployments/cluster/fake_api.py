"""An API server as far as the cluster target asks one, for what a cluster for tests does not give: logs, refusals.

It keeps what is applied to it, without an operator that would act on it; it is no measure of Kubernetes' behaviour.
"""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

KINDS = {
    "/api/v1": ["ConfigMap", "Event", "Namespace", "Pod", "Service"],
    "/apis/apps/v1": ["Deployment", "ReplicaSet", "StatefulSet"],
    "/apis/machinelearning.seldon.io/v1": ["SeldonDeployment"],
    "/apis/networking.istio.io/v1": ["DestinationRule", "VirtualService"],
}


def plural(kind):
    return kind.lower() + "s"


class FakeApi:
    """`answers` maps a path to (status, body), where a body is JSON, text or a list of pieces of text."""

    def __init__(self):
        self.answers = {}
        self.requests = []
        self.stored = {}
        for path, kinds in KINDS.items():
            found = [{"name": plural(kind), "kind": kind, "namespaced": kind != "Namespace"} for kind in kinds]
            self.answers[path] = (200, {"resources": found})

    def serve(self, objects, namespace="ns"):
        """Have these objects, by kind."""
        for kind, found in objects.items():
            for each in found:
                self.stored[f"{_folder(kind, namespace)}/{each['metadata']['name']}"] = each

    def answer(self, method, path, body):
        if path in self.answers:
            return self.answers[path]
        if method == "PATCH":
            metadata = {"uid": f"uid-{path}", "generation": 1, "namespace": "ns", **body["metadata"]}
            self.stored[path] = {**body, "metadata": metadata}
            return 200, self.stored[path]
        if path in self.stored:
            return 200, self.stored[path]
        if path.rpartition("/")[2] in {plural(kind) for kinds in KINDS.values() for kind in kinds}:
            return 200, {"items": [each for at, each in self.stored.items() if at.rpartition("/")[0] == path]}
        return 404, {"kind": "Status", "message": "not found", "code": 404}


def _folder(kind, namespace):
    path = next(path for path, kinds in KINDS.items() if kind in kinds)
    return f"{path}/namespaces/{namespace}/{plural(kind)}"


@contextmanager
def running(api):
    """The address of a server that answers for `api`."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _do(self):
            url = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            query = {key: values[0] for key, values in parse_qs(url.query).items()}
            if query.get("dryRun") == "All":
                status, told = 200, body
            else:
                api.requests.append((self.command, url.path, query))
                status, told = api.answer(self.command, url.path, body)
            self.send_response(status)
            if isinstance(told, list):
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                for piece in [*(each.encode() for each in told), b""]:
                    self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
                return
            text = told.encode() if isinstance(told, str) else json.dumps(told).encode()
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_PATCH = do_DELETE = _do  # noqa: N815 -- http.server calls them so

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def kubeconfig(server, namespace="ns"):
    context = {"cluster": "fake", "user": "me", **({"namespace": namespace} if namespace else {})}
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "here",
            "contexts": [{"name": "here", "context": context}],
            "clusters": [{"name": "fake", "cluster": {"server": server}}],
            "users": [{"name": "me", "user": {"token": "secret"}}],
        }
    )
