"""A graph server of one of our classes in `accident_models`, and what can be seen of it from outside."""

import asyncio
from pathlib import Path

import psutil
from graph_server_process import started
from prometheus_client.parser import text_string_to_metric_families

HERE = Path(__file__).parent
DEADLINE_SECONDS = 60.0


def serving(folder, class_name, *arguments, **options):
    return started(
        [f"accident_models.{class_name}", *arguments], folder, python_path=[HERE], metrics_port=True, **options
    )


async def predict(session, server, seconds=0.0, rows=1):
    body = {"data": {"ndarray": [[seconds]] * rows}}
    async with session.post(f"{server.url}/predict", json=body) as answer:
        return answer.status, await answer.json(), answer.headers


async def until(condition, what):
    deadline = asyncio.get_running_loop().time() + DEADLINE_SECONDS
    while not (found := await condition()):
        assert asyncio.get_running_loop().time() < deadline, f"not in time: {what}"
        await asyncio.sleep(0.02)
    return found


def samples(text):
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def total(text, name, **labels):
    wanted = set(labels.items())
    return sum(value for (found, of), value in samples(text).items() if found == name and wanted <= set(of))


def children(server):
    return [each.pid for each in psutil.Process(server.process.pid).children()]


def is_alive(process):
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
