"""Six dashboards for Grafana 11.6, as pure functions; their JSON in kustomize/monitoring/dashboards/ is made from them.

One file per dashboard says which questions it answers. How our panels look is `panels`, what a PromQL query is made of
`queries`, what the reader chooses `variables`; `board` puts rows of panels together, `rendering` makes the JSON, and
`extracting` reads the queries back out of it. Names of metrics come from `model_server.metric_names`.
"""

from deployments.monitoring.dashboards.rendering import dashboards

__all__ = ["dashboards"]
