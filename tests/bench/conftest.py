"""Benchmarks are programs of a folder of their own; here their parts are imported."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "bench"))
