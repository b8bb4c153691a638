"""The same verbs against Kubernetes: an overlay applied, awaited, looked at, removed.

What is decided is pure, over objects as plain data: `manifests` (what to apply, in which order), `inventory` (what was
applied, what to prune), `wanted` and `carried` (what Seldon's operator makes of a SeldonDeployment, and what of it is
not there yet), `readiness` and `pods` (what a rollout waits for, and why), `refusals` (what the API server says),
`describe` and `logs` (what to tell). `connection` and `kubeconfig` alone import the Kubernetes client. The verbs act
through them: `applying`, `waiting`, `removing`, `looking`, on a `view` of a namespace.
"""
