"""Recording rules and alerts of Prometheus: one file a subject, with the rules that its alerts stand on.

`thresholds` has every number and why it is that one, `model` what a rule is, `promql` the turns of phrase that rules
share, `catalogue` all groups in their order. Three habits:

- A counter that nobody has raised does not exist: what is rare is `or 0 *` what is frequent.
- What is divided by is `> 0`: without traffic there is no ratio, and so no alert, rather than NaN.
- Several namespaces and deployments share a Prometheus: everything is by namespace and deployment.
"""
