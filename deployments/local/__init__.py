"""The same Kustomize YAML on one machine: a graph server per predictor, and Envoy in front of them.

From decision to action: `planning` (what should run) and `envoy` (what the gateway should do) are pure; `runtime` makes
it so, each program of a predictor `Supervised`; `control` is its door, a Unix socket in the state folder. Should
the runtime itself be killed, `guardian` ends what it left behind. What a process is called, where it listens and who
may end it are decided here and nowhere else.
"""
