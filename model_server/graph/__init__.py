"""The graph server: a predictor's whole inference graph in one process, REST and gRPC.

    python -m model_server.graph model_server.install_model.InstallModel    in place of `seldon-core-microservice`
    python -m model_server.graph --file deployment.yaml --predictor champion    in place of Seldon's executor

From outside to inside: `doors` speak HTTP and gRPC; `walk` is what a graph means, pure; `components` answer for one
node each, in this process or elsewhere; `wrapper` is what Seldon's Python wrapper makes of a user's class, pure.
`supervisor` and `worker` are the processes. Nothing here imports seldon_core; a user's class may. Every difference from
Seldon is told in docs/compatibility.md.
"""
