"""What benchmarks stand on: `harness` takes turns and tells; `served` starts servers and loads them."""
