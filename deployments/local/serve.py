"""A runtime from its start to its end: in the terminal's foreground, or behind `--detach`."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from deployments.local.companions import companions
from deployments.local.control import Door
from deployments.local.leftovers import end_processes_of
from deployments.local.models import model_folders
from deployments.local.plan import Plan
from deployments.local.planning import model_uris, plan
from deployments.local.ports import require_free
from deployments.local.refusals import require_supported
from deployments.local.runtime import OnLine, Runtime, Say
from deployments.local.settings import Settings
from deployments.local.state import StateFolder
from deployments.seldon import load_documents, unfolded
from model_server.scheduling import run_in_turns


def plan_of(text: str, source: str, volumes: Path, *, isolated: bool = False) -> Plan:
    """Rendered YAML -> what should run. Errors: InvalidDeployment, UnsupportedOverlay, ModelMissing."""
    # One process runs the whole graph of a predictor here in any case.
    deployments = list(map(unfolded, load_documents(text, source)))
    require_supported(deployments, isolated=isolated)  # before its models are looked for
    return plan(
        deployments,
        model_folders(model_uris(deployments), volumes),
        volumes=volumes,
        isolated=isolated,
        beside=companions(text, source),
    )


def serve(
    text: str,
    source: str,
    overlay: str,
    *,
    isolated: bool,
    settings: Settings,
    state: StateFolder,
    on_line: OnLine,
    say: Say,
    on_ready: Callable[[dict[str, Any]], None],
) -> None:
    """Run an overlay until a signal or `forkcast down` ends it; must be called in the main thread.

    `on_line` gets every line of every program, `say` what the runtime does, `on_ready` the status once all is up.
    Errors: those of `plan_of`, AlreadyRunning and PortTaken before anything starts; NotReady where a program does
    not come up.
    """

    def planned(text: str, source: str, *, isolated: bool) -> Plan:
        return plan_of(text, source, settings.volumes, isolated=isolated)

    desired = planned(text, source, isolated=isolated)
    with state.held(settings.gateway) as record:
        if ended := end_processes_of(state.path):
            say(f"ended what an earlier runtime had left: {', '.join(ended)}")
        require_free(settings.host, settings.port)
        run_in_turns()  # Envoy and all predictors with it
        runtime = Runtime(settings, state, record, on_line, say)
        stop = asyncio.Event()
        door = Door(runtime, planned, stop, say)
        asyncio.run(
            _until_stopped(
                runtime,
                door,
                stop,
                runtime.start(desired, overlay),
                control_socket=record.control_socket,
                on_ready=on_ready,
            )
        )


async def _until_stopped(
    runtime: Runtime,
    door: Door,
    stop: asyncio.Event,
    start: Coroutine[Any, Any, None],
    *,
    control_socket: Path,
    on_ready: Callable[[dict[str, Any]], None],
) -> None:
    def on_signal() -> None:
        if stop.is_set():
            runtime.kill_now()  # asked a second time: do not wait for anybody
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, on_signal)
    starting = asyncio.create_task(start)
    stopping = asyncio.create_task(stop.wait())
    try:
        await door.open(control_socket)
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()
            on_ready(await runtime.status())
            await stopping
    finally:
        starting.cancel()
        stopping.cancel()
        await asyncio.wait({starting, stopping})
        await door.close()
        await runtime.stop()
