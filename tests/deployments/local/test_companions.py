"""What an overlay brings beside its SeldonDeployments, and the address that it gets here."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from runtime_under_test import overlay, predictor

from deployments.local.companions import Companions, Store, companions

SOCKET = Path("/run/store.sock")
STATE = Store("bandit-state", "seldon", 6379)


def service(name="bandit-state", namespace="seldon", app="state", port=6379):
    spec = {"selector": {"app": app}, "ports": [{"port": port}]}
    return {"kind": "Service", "metadata": {"name": name, "namespace": namespace}, "spec": spec}


def workload(image="valkey/valkey:9.1-alpine", app="state", kind="Deployment", namespace="seldon"):
    template = {
        "metadata": {"labels": {"app": app, "tier": "x"}},
        "spec": {"containers": [{"name": "c", "image": image}]},
    }
    return {"kind": kind, "metadata": {"name": "w", "namespace": namespace}, "spec": {"template": template}}


def found(*documents):
    return companions(yaml.safe_dump_all([*documents, yaml.safe_load(overlay(predictor("champion")))]), "x.yaml")


@pytest.mark.parametrize(
    "image",
    ["valkey/valkey:9.1-alpine", "redis", "registry.example:5000/cache/redis@sha256:0abc", "docker.io/valkey/valkey"],
)
@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet"])
def test_a_service_in_front_of_valkey_is_a_store(image, kind):
    assert found(service(), workload(image, kind=kind)) == Companions(stores=(STATE,))


def test_other_workloads_are_named_and_not_run():
    others = workload("nginx:1"), workload("bitnami/redis-exporter:1"), workload("example/valkey-admin:2", kind="Job")
    assert found(service(), *others) == Companions(not_run=("Deployment w", "Deployment w", "Job w"))


@pytest.mark.parametrize("other", [workload(app="other"), workload(namespace="elsewhere")])
def test_a_service_that_selects_something_else_is_no_store(other):
    assert found(service(), other).stores == ()


def test_an_overlay_of_seldon_deployments_alone_brings_nothing():
    assert found() == Companions()


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("redis://bandit-state:6379/0", "unix:///run/store.sock?db=0"),
        ("redis://bandit-state", "unix:///run/store.sock?db=0"),
        ("redis://bandit-state:6379/3", "unix:///run/store.sock?db=3"),
        ("redis://bandit-state.seldon:6379", "unix:///run/store.sock?db=0"),
        ("redis://bandit-state.seldon.svc/1", "unix:///run/store.sock?db=1"),
        ("redis://bandit-state.seldon.svc.cluster.local:6379/0", "unix:///run/store.sock?db=0"),
        ('[{"value":"redis://bandit-state:6379/0"}]', '[{"value":"unix:///run/store.sock?db=0"}]'),
        # None of these is this store.
        ("redis://bandit-state:6380/0", "redis://bandit-state:6380/0"),
        ("redis://bandit-state-2:6379/0", "redis://bandit-state-2:6379/0"),
        ("redis://bandit-state.other:6379/0", "redis://bandit-state.other:6379/0"),
        ("redis://my-bandit-state:6379/0", "redis://my-bandit-state:6379/0"),
        ("bandit-state:6379", "bandit-state:6379"),
    ],
)
def test_the_stores_address_becomes_its_socket(address, expected):
    assert STATE.at(SOCKET, address) == expected


@given(st.text())
def test_a_text_without_an_address_stays(text):
    if "redis://" not in text:
        assert STATE.at(SOCKET, text) == text
