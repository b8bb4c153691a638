"""What each strategy promises, put to the test wherever it runs.

A `site` is where: it has `url` (of predictions), `gateway` (host:port), `bring(overlay)`, which returns once the
overlay is served, and `seen_by(predictor)`, how many predictions that one has been asked for. Random tests are 5
standard deviations wide: odds of a false alarm 6e-7 each.
"""

import asyncio
import json
import math
import os
import secrets
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import aiohttp
import numpy as np
import requests
from steady_load import ask, ask_many

from model_server.impressions import NAMES, to_rows
from traffic_sim.population import Population

ROOT = Path(__file__).parents[2]
KUSTOMIZE = ROOT / "kustomize"
ROWS = to_rows(Population(seed=1).sample(1, np.random.default_rng(7)).impressions)
BODY = {"data": {"names": list(NAMES), "ndarray": ROWS}}
OVERLAYS = ("canary", "shadow", "ab-test", "ab-test-sticky", "bandit", "blue-green")
AT_ONCE = 16


def eventually(condition, seconds=60.0, what="the condition"):
    """Poll until `condition` returns something true, and return that."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"{what} did not hold within {seconds} s")


def simulated(site, folder, **options):
    """20 s of live traffic by `forkcast simulate`; its record. Not one request failed, and none was left out."""
    chosen = {"rate": 300, "rows-per-request": 3, "duration": 20, "world": "ranked", "gateway": site.gateway} | options
    file = folder / "record.json"
    arguments = [part for name, value in chosen.items() for part in (f"--{name}", str(value))]
    scenario = folder / "scenario.yaml"
    # How late the generator is on a busy machine proves nothing here.
    scenario.write_text("max_lag_p99_seconds: 30\nthresholds: [error_ratio <= 0, sent_ratio >= 1]\n")
    command = [sys.executable, "-m", "deployments.cli.main", "simulate", str(scenario), *arguments, "--json", str(file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(file.read_text())


def answered(record):
    return {name: tally["answered"] for name, tally in record["predictors"].items()}


def assert_share(count, total, probability):
    spread = 5 * math.sqrt(total * probability * (1 - probability))
    assert abs(count - total * probability) <= spread, f"{count} of {total} at {probability}"


def a_canary_gets_a_tenth(site, folder):
    site.bring("canary")
    counts = answered(simulated(site, folder))
    assert set(counts) == {"champion", "challenger"}
    assert_share(counts["challenger"], sum(counts.values()), 0.1)


def an_ab_test_splits_evenly(site, folder):
    site.bring("ab-test")
    counts = answered(simulated(site, folder))
    assert set(counts) == {"champion", "challenger"}
    assert_share(counts["challenger"], sum(counts.values()), 0.5)


def a_shadow_sees_every_request_once_and_no_client_sees_it(site, folder):
    site.bring("shadow")
    before = site.seen_by("challenger"), site.seen_by("champion")
    record = simulated(site, folder, **{"feedback-ratio": 0, "warm-up": 10})
    sent = record["requests"]["sent"] + 10
    assert set(answered(record)) == {"champion"}
    assert site.seen_by("champion") - before[1] == sent
    eventually(lambda: site.seen_by("challenger") - before[0] == sent, 20, f"{sent} copies")


def users_stay_with_their_arm(site, n_users):
    """Each user is asked for twice, in another order: the same arm, and half of the users for each."""
    site.bring("ab-test-sticky")
    users = [f"u{number}" for number in range(n_users)]
    first, second = arms_of(site.url, users), arms_of(site.url, users[::-1])[::-1]
    assert sum(a != b for a, b in zip(first, second, strict=True)) == 0
    counts = Counter(first)
    assert set(counts) == {"champion", "challenger"}
    assert_share(counts["challenger"], n_users, 0.5)
    return dict(zip(users, first, strict=True))


def arms_of(url, users):
    """The arm that answers each user, in order."""

    async def run():
        connector, timeout = aiohttp.TCPConnector(limit=AT_ONCE), aiohttp.ClientTimeout(total=None)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
            return await asyncio.gather(*(ask(session, url, {**BODY, "meta": {"tags": {"user": u}}}) for u in users))

    return asyncio.run(run())


def a_bandit_learns_by_feedback_through_the_gateway(site, folder):
    """It starts with an experiment of its own, knowing nothing.

    The challenger always earns, the champion never: soon it has all but the other's share for exploration, 5 %.

    After 100 rewards, whatever the arms were, Thompson's own probability of the challenger differs from 1 by less than
    1e-6. Of 200 requests then, 10 are the champion's, standard deviation 3.1; 40 would be 9 of them away.
    """
    site.bring(experiment_in(folder))
    for _ in range(100):
        answer = predicted(site.url)
        assert 0.05 - 1e-9 <= answer["meta"]["tags"]["propensity"] <= 0.95 + 1e-9
        rewarded(site.url, answer, 1.0 if answer["meta"]["tags"]["arm"] == "challenger" else 0.0)
    eventually(lambda: prefers_the_challenger(site), 30, "preferring what earns")


def experiment_in(folder):
    """The overlay bandit with another experiment, in a folder of its own."""
    path = "/spec/predictors/0/graph/children/0/parameters/2"
    patch = [
        {"op": "test", "path": f"{path}/name", "value": "experiment"},
        {"op": "replace", "path": f"{path}/value", "value": f"test-{secrets.token_hex(4)}"},
    ]
    patched = {"target": {"kind": "SeldonDeployment"}, "patch": json.dumps(patch)}
    found = {"resources": [f"{above(folder)}/overlays/bandit"], "patches": [patched]}
    (folder / "kustomization.yaml").write_text(json.dumps(found))
    return folder


def above(folder):
    """The way from a folder to kustomize/, relative as Kustomize wants it."""
    return os.path.relpath(KUSTOMIZE, folder.resolve())


def prefers_the_challenger(site):
    """Whether at most 40 of 200 requests go to the other arm."""
    return ask_many(site.url, 200, body=BODY)["champion"] <= 40


def predicted(url):
    answer = requests.post(url, json=BODY, timeout=30)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    told.setdefault("meta", {})["puid"] = answer.headers["Seldon-Puid"]
    return told


def rewarded(url, answer, reward):
    feedback = {"request": BODY, "response": answer, "reward": reward}
    done = requests.post(url.replace("predictions", "feedback"), json=feedback, timeout=30)
    assert done.status_code == 200, done.text


class OneAfterTheOther:
    """Who answers, request after request, over one connection."""

    def __init__(self, url):
        self.url = url
        self.session = requests.Session()

    def __call__(self):
        answer = self.session.post(self.url, json=BODY, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()["meta"]["tags"]["predictor"]


def green_in(folder):
    """The overlay blue-green with its one line switched, in a folder of its own."""
    text = (KUSTOMIZE / "overlays/blue-green/kustomization.yaml").read_text()
    assert text.count("components/blue-live #") == 1
    switched = text.replace("components/blue-live #", "components/green-live #").replace("../..", above(folder))
    (folder / "kustomization.yaml").write_text(switched)
    return folder
