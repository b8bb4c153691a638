"""What benchmarks stand on. Each is a program of its own, one folder up.

`world` makes the models and the rows; `processes` starts programs on the first core; `served` and `peers` know servers,
and what loads them; `stack` is `forkcast up`; `harness` takes turns and tells; `records` reads what it wrote; `metrics`
reads what servers tell of themselves; `pandas_way` is what bulk prediction is compared with.
"""
