"""Ways to a target: each encodes rows before the run, and during it sends one request and brings back an answer.

With the driver's clock, these are the only parts that touch the outside. A transport never raises for what a target
does: refusals, hang-ups, silence and nonsense come back as an `Answer` that says so.
"""
