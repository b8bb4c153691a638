"""What the Prometheus Operator makes of a PodMonitor: the part of prometheus.yml that it stands for.

Source: prometheus-operator, pkg/prometheus/promcfg.go, generatePodMonitorConfig; what ours do not use is left out.
"""

import json
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

REPLACED = str.maketrans("./-", "___")


def targets_of(pods):
    """What Prometheus' own discovery of role `pod` knows of each port of each container, and our configurations use.

    Debian's Prometheus is built without that discovery; it asks for the same by HTTP. Source: Prometheus 2.42,
    discovery/kubernetes/pod.go, buildPod.
    """
    found = []
    for pod in pods:
        metadata, status = pod["metadata"], pod["status"]
        if not status.get("podIP"):
            continue
        of_pod = {
            "namespace": metadata["namespace"],
            "pod_name": metadata["name"],
            "pod_phase": status["phase"],
            **{f"pod_label_{name.translate(REPLACED)}": value for name, value in metadata.get("labels", {}).items()},
        }
        for container in pod["spec"]["containers"]:
            for port in container.get("ports", ()):
                own = {"pod_container_name": container["name"], "pod_container_port_name": port.get("name", "")}
                labels = {f"__meta_kubernetes_{name}": value for name, value in {**of_pod, **own}.items()}
                found.append({"targets": [f"{status['podIP']}:{port['containerPort']}"], "labels": labels})
    return found


@contextmanager
def discovery(pods):
    """The address where those targets are told, of whatever `pods` gives at the moment."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            body = json.dumps(targets_of(pods())).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def scrape_config(monitor, endpoint, discovered_at, interval):
    """Of one `podMetricsEndpoints` of a PodMonitor as it stands on the cluster."""
    labels = monitor["spec"]["selector"]["matchLabels"]
    kept = [(f"__meta_kubernetes_pod_label_{name.translate(REPLACED)}", value) for name, value in labels.items()]
    kept.append(("__meta_kubernetes_pod_container_port_name", endpoint["port"]))
    named = {"namespace": "namespace", "pod": "pod_name", "container": "pod_container_name"}
    if not monitor["spec"].get("namespaceSelector", {}).get("any"):
        kept.append(("__meta_kubernetes_namespace", monitor["metadata"]["namespace"]))
    return {
        "job_name": f"podMonitor/{monitor['metadata']['namespace']}/{monitor['metadata']['name']}/0",
        "metrics_path": endpoint["path"],
        "scrape_interval": interval,
        "scrape_timeout": interval,
        "honor_labels": endpoint.get("honorLabels", False),
        "http_sd_configs": [{"url": discovered_at, "refresh_interval": interval}],
        "relabel_configs": [
            *({"action": "keep", "source_labels": [label], "regex": value} for label, value in kept),
            {
                "action": "drop",
                "source_labels": ["__meta_kubernetes_pod_phase"],
                "regex": "(Failed|Succeeded)",
            },
            *(
                {"source_labels": [f"__meta_kubernetes_{source}"], "target_label": target}
                for target, source in named.items()
            ),
            {
                "target_label": "job",
                "replacement": f"{monitor['metadata']['namespace']}/{monitor['metadata']['name']}",
            },
            {"target_label": "endpoint", "replacement": endpoint["port"]},
        ],
    }
