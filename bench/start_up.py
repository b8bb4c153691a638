"""How long does it take from `forkcast up` to the first answered prediction?

The overlay ab-test: Envoy, two predictors, each with detector and model in its graph. From the start of the command to
the first prediction that is answered through the gateway, which is asked for over and over; all cores, models trained
before.
"""

from __future__ import annotations

import statistics
import time

from rig import harness, served, stack
from rig.world import World, world

LIMIT_SECONDS = 60


def main() -> None:
    asked = harness.arguments(__doc__)
    facts = harness.machine()
    with world() as made:
        took = [seconds_to_first_answer(made) for _ in range(asked.rounds)]
    seen = {"quickest": min(took), "slowest": max(took)}
    figures = [
        harness.Figure(
            "from `forkcast up` to the first answer", statistics.median(took), "s", goal=8.0, is_most=True, seen=seen
        )
    ]
    harness.tell("Starting the overlay ab-test", figures, facts, asked.json)


def seconds_to_first_answer(made: World) -> float:
    message = made.bodies(1)[0]
    with stack.unstarted(made) as started:
        began = time.perf_counter()
        process = started.start()
        while True:
            try:
                served.answer(started.gateway, message)
                seconds = time.perf_counter() - began
                break
            except OSError:  # nobody listens, or Envoy has nobody to ask
                if process.poll() not in {None, 0} or time.perf_counter() - began > LIMIT_SECONDS:
                    process.kill()
                    started.require_started(process)
                    raise
                time.sleep(0.02)
        started.require_started(process)
    return seconds


if __name__ == "__main__":
    main()
