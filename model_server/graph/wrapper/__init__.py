"""What Seldon's Python wrapper makes of a user's class, as plain functions: a message in, an answer out.

No sockets, no threads, no metrics registry here. The oracle is the stock wrapper, `seldon_core`, which the tests hold
this against; nothing here imports it.
"""
