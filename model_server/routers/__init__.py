"""Routers: which child of a graph's node answers a request. Seldon classes, and the pure rules behind them.

`arms`, `keys`, `assignment` and `policies` decide, `choices` and `feedback` read and write Seldon's messages: pure.
`store` is the door to the state that a bandit's replicas share, `learning` the thread that keeps this process up to
date. `router` is what faces Seldon; `hash_router`, `epsilon_greedy` and `thompson_sampling` are the classes.
"""
