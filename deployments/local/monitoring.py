"""Prometheus beside a runtime: what it is to look at is always written down; it runs where it is installed."""

from __future__ import annotations

import shutil
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from deployments.local import probes, scraping
from deployments.local.child import Child
from deployments.local.errors import PortTaken
from deployments.local.plan import Plan
from deployments.local.ports import give_back, is_free, take_ports
from deployments.local.programs import LOOPBACK, Ports
from deployments.local.supervised import Supervised
from deployments.monitoring.desired_state import exposition
from deployments.monitoring.rendering import rule_file

PROGRAM: Final = "prometheus"
USUAL_PORT: Final = 9090
NOT_INSTALLED: Final = (
    "no Prometheus: the program is not installed (apt-get install prometheus, brew install prometheus, or "
    "prometheus.io/download); its configuration is {}"
)

type Supervise = Callable[..., Supervised]
type Start = Callable[[tuple[str, ...], Callable[[str], None]], Awaitable[Child]]


class Monitoring:
    """Of one runtime. `folder` holds prometheus.yml, the targets, the rules, and Prometheus's data, which stays."""

    def __init__(self, folder: Path, say: Callable[[str], None]) -> None:
        self._folder = folder
        self._say = say
        self._plan: Plan | None = None
        self._runner: web.AppRunner | None = None
        self._ports: list[int] = []
        self.program: Supervised | None = None
        self.url: str | None = None
        """Of Prometheus, where it runs."""
        self._problem: str | None = None

    @property
    def configuration(self) -> Path:
        return self._folder / "prometheus.yml"

    async def start(self, start: Start, supervise: Supervise, *, wanted: bool) -> None:
        """Write down what is to be scraped, tell the desired state, and start Prometheus if it is `wanted` and there.

        Does not wait for it, and fails nothing: what is wrong is said, and all else runs.
        """
        try:
            await self._start(start, supervise, wanted=wanted)
        except (OSError, PortTaken) as error:
            self._problem = f"no Prometheus: {error}; mend that, or leave it out with --no-prometheus"
            self._say(self._problem)

    async def _start(self, start: Start, supervise: Supervise, *, wanted: bool) -> None:
        """Errors: OSError, PortTaken."""
        self._folder.mkdir(exist_ok=True)
        [desired_state] = self._take(1)
        await self._tell_desired_state(desired_state)
        self._write(scraping.RULES, rule_file())
        self._write(scraping.TARGETS, "[]")
        self._write(self.configuration.name, scraping.configuration(desired_state))
        if not wanted:
            return
        program = shutil.which(PROGRAM)
        if program is None:
            self._problem = NOT_INSTALLED.format(self.configuration)
            return
        port = USUAL_PORT if is_free(LOOPBACK, USUAL_PORT) else self._take(1)[0]
        self.url = f"http://{LOOPBACK}:{port}"
        self._say(f"starting Prometheus ({self.url})")
        self.program = supervise(
            PROGRAM,
            partial(start, (program, *_arguments(self._folder, port))),
            ready=partial(probes.answers, port, "/-/ready"),
            alive=partial(probes.answers, port, "/-/healthy"),
        )

    def show(self, plan: Plan, ports: Mapping[str, Mapping[str, Ports]]) -> None:
        """Another plan is served from now on."""
        self._plan = plan
        try:
            self._write(scraping.TARGETS, scraping.targets(plan, ports))
        except OSError as error:
            self._say(f"Prometheus is not told of it: {error}")

    def described(self) -> dict[str, Any]:
        """For a runtime's status."""
        program = self.program
        return {
            "configuration": str(self.configuration),
            "url": self.url,
            "problem": self._problem,
            "condition": program.condition if program else None,
            "pid": program.pid if program else None,
            "log": str(program.log.path) if program else None,
        }

    async def stop(self, grace_seconds: float) -> None:
        if self.program is not None:
            await self.program.stop(grace_seconds)
        if self._runner is not None:
            await self._runner.cleanup()
        give_back(self._ports)
        self._ports.clear()

    def kill_now(self) -> None:
        if self.program is not None:
            self.program.kill_now()

    async def _tell_desired_state(self, port: int) -> None:
        app = web.Application()
        app.add_routes([web.get("/metrics", self._desired_state)])
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, LOOPBACK, port).start()

    async def _desired_state(self, _: web.Request) -> web.Response:
        body = exposition(scraping.shares(self._plan) if self._plan else ())
        return web.Response(body=body, headers={"content-type": "text/plain; version=0.0.4; charset=utf-8"})

    def _take(self, count: int) -> tuple[int, ...]:
        taken = take_ports(count)
        self._ports += taken
        return taken

    def _write(self, name: str, text: str) -> None:
        """As a whole: Prometheus may read it at any moment."""
        fresh = self._folder / f".{name}"
        fresh.write_text(text)
        fresh.replace(self._folder / name)


def _arguments(folder: Path, port: int) -> tuple[str, ...]:
    return (
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--storage.tsdb.retention.time={scraping.RETENTION}",
        f"--web.listen-address={LOOPBACK}:{port}",
        "--log.level=warn",
    )
