"""Run benchmarks one after the other, in the order given; then show all goals in one table.

`python bench/run.py --to FOLDER bench/A.py bench/B.py`: each writes its figures to FOLDER/NAME.json; what an earlier
run left there is removed first. They share one world. A goal that is missed is told; a benchmark that breaks does not
stop those after it, and makes this command fail.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rig.world import VARIABLE

SUMMARY = Path(__file__).parent / "summary.py"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--to", type=Path, required=True, metavar="FOLDER", help="where their figures go")
    parser.add_argument("programs", nargs="+", type=Path, metavar="PROGRAM", help="such as bench/against_stock.py")
    asked = parser.parse_args()
    for file in asked.to.glob("*.json"):
        file.unlink()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        env = {**os.environ, VARIABLE: folder}
        broken = [program for program in asked.programs if not _ran(program, asked.to, env)]
    print(f"\nAll in {time.monotonic() - began:.0f} s.")
    if any(asked.to.glob("*.json")):
        subprocess.run([sys.executable, str(SUMMARY), str(asked.to)], check=True)
    if broken:
        sys.exit(f"did not come to an end, see above: {', '.join(map(str, broken))}")


def _ran(program: Path, folder: Path, env: dict[str, str]) -> bool:
    print(f"\n== {program}", flush=True)
    began = time.monotonic()
    command = [sys.executable, str(program), "--json", str(folder / f"{program.stem}.json")]
    is_fine = subprocess.run(command, env=env, check=False).returncode == 0
    print(f"{program.stem}: {time.monotonic() - began:.0f} s", flush=True)
    return is_fine


if __name__ == "__main__":
    main()
