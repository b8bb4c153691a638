"""The graph server with nothing counted, for a comparison: `python -m rig.without_metrics ARGUMENTS`."""

from __future__ import annotations

import runpy
from typing import Any

from model_server.graph import worker
from model_server.graph.observing import Observer


class _Nothing:
    """In the place of `Telemetry`: whatever it is told, it does nothing."""

    def __getattr__(self, name: str) -> Any:
        del name
        return _do_nothing


def _do_nothing(*_args: Any, **_named: Any) -> None:
    pass


if __name__ == "__main__":
    worker._telemetry = lambda *_: _Nothing()  # type: ignore[assignment, return-value]  # noqa: SLF001
    Observer.look = _do_nothing  # type: ignore[method-assign]  # so that no class begins to note what it sees
    runpy.run_module("model_server.graph", run_name="__main__")
