"""What watches a deployment, as data: recording rules and alerts (`rules`), dashboards as code (`dashboards`), and
their rendering into `kustomize/monitoring`, which is committed.

Pure: nothing here asks a Prometheus or a Grafana. What predictors tell is spelled in `model_server.metric_names`.
`forkcast monitoring` writes the files; docs/runbook.md says what to do about each alert.
"""
