"""The other side of a runtime's door: what `status`, `apply` and `down` ask. Blocking, for a command waits anyway."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any, Final

import aiohttp
import psutil

from deployments.errors import DeploymentsError
from deployments.local.errors import ApplyFailed, ApplyRefused, NotReady
from deployments.local.leftovers import end_processes_of
from deployments.local.state import Record, StateFolder
from deployments.monitoring.desired_state import Share

ANSWER_SECONDS: Final = 10.0
DOWN_SECONDS: Final = 60.0
HANGING_SECONDS: Final = 5.0


def status(state: StateFolder) -> dict[str, Any]:
    """Errors: NothingRunning; NotReady where the runtime does not answer."""
    found: dict[str, Any] = asyncio.run(_ask(state.running(), "GET", "/status"))
    return found


def shares_and_pages(state: StateFolder) -> tuple[list[Share], dict[str, str]]:
    """What share each predictor should have, and the page of metrics of each program that answers.

    Errors: NothingRunning; NotReady where the runtime does not answer.
    """
    found = status(state)
    shares = [
        Share(each["namespace"], each["deployment"], each["predictor"], each["role"], each["percent"])
        for each in found["shares"]
    ]
    programs = [program for each in found["predictors"] for program in (each, *each["components"])]
    return shares, asyncio.run(_pages([program["metrics"] for program in programs]))


async def _pages(urls: Sequence[str]) -> dict[str, str]:
    async def page(session: aiohttp.ClientSession, url: str) -> str | None:
        try:
            async with session.get(url) as answer:
                return await answer.text() if answer.status == HTTPStatus.OK else None
        except (aiohttp.ClientError, TimeoutError):
            return None  # it starts, or has ended; the others are told of

    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS)) as session:
        found = await asyncio.gather(*(page(session, url) for url in urls))
    return {url: text for url, text in zip(urls, found, strict=True) if text is not None}


def apply(
    state: StateFolder,
    overlay: str,
    text: str,
    source: str,
    on_step: Callable[[str], None],
    *,
    isolated: bool | None = None,
) -> None:
    """Move the runtime to another overlay, isolated or not (None: as it is now); returns once it is served.

    Errors: NothingRunning; ApplyRefused (the overlay), ApplyFailed (the machine): what served before still does.
    """
    asked = {"overlay": overlay, "text": text, "source": source, "isolated": isolated}
    asyncio.run(_apply(state.running(), asked, on_step))


def down(state: StateFolder) -> list[str]:
    """Stop the runtime; where it is gone already, end what it left. The leftovers that were ended.

    Errors: NothingRunning where there was nothing to stop and nothing to end.
    """
    record = state.record()
    was_up = state.is_held()
    if was_up:
        if record is None:
            raise NotReady(f"a runtime is just starting in {state.path}, or ending; run `forkcast down` again")
        _stop(state, record)
    ended = end_processes_of(state.path)
    if not was_up and not ended and record is None:
        state.running()
    if record is not None and state.record() is not None:
        with state.held(record.gateway):
            pass
    return ended


def _stop(state: StateFolder, record: Record) -> None:
    """Ask at the door; where nobody answers, by signal. The lock is held, so the pid is still the runtime's."""
    try:
        asyncio.run(_ask(record, "POST", "/down"))
        patience_seconds = DOWN_SECONDS
    except DeploymentsError:
        _signal(record, signal.SIGTERM)
        patience_seconds = HANGING_SECONDS
    if not _ended_within(state, patience_seconds):
        _signal(record, signal.SIGKILL)
        if not _ended_within(state, DOWN_SECONDS):
            raise NotReady(
                f"the runtime (pid {record.pid}) does not end, not even by SIGKILL; see `ps -p {record.pid}`"
            )


def _ended_within(state: StateFolder, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while state.is_held():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _signal(record: Record, number: int) -> None:
    try:
        psutil.Process(record.pid).send_signal(number)
    except psutil.NoSuchProcess:
        return


def _session(record: Record, timeout_seconds: float | None) -> aiohttp.ClientSession:
    connector = aiohttp.UnixConnector(str(record.control_socket))
    return aiohttp.ClientSession(
        "http://runtime", connector=connector, timeout=aiohttp.ClientTimeout(total=timeout_seconds)
    )


async def _ask(record: Record, method: str, path: str) -> Any:
    try:
        async with _session(record, ANSWER_SECONDS) as session, session.request(method, path) as answer:
            return await answer.json()
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        raise NotReady(
            f"the runtime (pid {record.pid}) does not answer at {record.control_socket}: "
            f"{error or 'no answer in time'}; end it with `forkcast down`"
        ) from error


async def _apply(record: Record, body: dict[str, Any], on_step: Callable[[str], None]) -> None:
    step: dict[str, Any] = {}
    try:
        async with _session(record, None) as session, session.post("/apply", json=body) as answer:
            async for line in answer.content:
                step = json.loads(line)
                if "step" in step:
                    on_step(step["step"])
    except (aiohttp.ClientError, OSError) as error:
        raise ApplyFailed(f"the runtime (pid {record.pid}) went away during the change: {error}") from error
    if "error" in step:
        raise (ApplyRefused if step["exit_code"] == ApplyRefused.exit_code else ApplyFailed)(step["error"])
