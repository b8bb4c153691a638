"""The same verbs against Kubernetes: an overlay applied, awaited, looked at, removed.

What is decided is pure, over objects as plain data: `manifests` (what to apply, in which order), `inventory` (what was
applied, what to prune), `wanted` and `carried` (what the operator makes of a SeldonDeployment, and what of it is not
yet there), `readiness` and `pods` (what a rollout waits for, and why), `refusals` (what the API server says against
it), `describe` (what to tell). `connection` alone imports the Kubernetes client; `target` alone acts through it.
"""
