"""What watches a deployment: dashboards for Grafana, written in Python and rendered to files."""
