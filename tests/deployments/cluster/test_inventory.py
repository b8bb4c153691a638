"""What was applied is remembered; what goes is what is no longer wanted, is ours, and can be made again."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.cluster.errors import UnreadableInventory
from deployments.cluster.inventory import (
    KEPT_KINDS,
    SERVING,
    Inventory,
    config_map,
    is_ours,
    recorded,
    remembered,
    set_of,
    to_delete,
    to_prune,
    united,
)
from deployments.cluster.manifests import SET_LABEL, Ref, manifests

REFS = st.lists(
    st.builds(
        Ref,
        st.sampled_from(["v1", "apps/v1", "apps/v1beta1"]),
        st.sampled_from(["Service", "Deployment", "SeldonDeployment", "PersistentVolumeClaim", "ConfigMap"]),
        st.sampled_from(["a", "b", "c"]),
        st.just("seldon"),
    ),
    max_size=12,
)


def identities(refs):
    return {ref.identity for ref in refs}


@given(REFS)
def test_an_inventory_reads_as_it_was_written(refs):
    written = Inventory(SERVING, "seldon", "kustomize/overlays/ab-test", "2026-01-02T03:04:05+00:00", united(refs, ()))
    assert recorded(config_map(written)) == replace(written, objects=tuple(sorted(written.objects)))


@pytest.mark.parametrize("objects", ["{", "1", '[{"kind": "Service"}]', "[1]"])
def test_an_inventory_that_was_written_over_is_told_with_what_to_do(objects):
    written = config_map(Inventory(SERVING, "seldon", "o", "", ()))
    written["data"]["objects"] = objects
    with pytest.raises(UnreadableInventory, match=r"kubectl -n seldon delete configmap forkcast-inventory-serving"):
        recorded(written)


@given(REFS, REFS)
def test_pruned_is_what_was_and_is_no_longer_wanted_whatever_its_version_and_never_what_holds_data(before, now):
    gone = to_prune(united(before, ()), now)
    assert identities(gone) == {
        ref.identity for ref in before if ref.kind not in KEPT_KINDS and ref.identity not in identities(now)
    }


@given(REFS, REFS)
def test_every_object_is_either_pruned_or_remembered_and_all_that_is_applied_is_remembered(before, now):
    gone, kept = identities(to_prune(before, now)), identities(remembered(before, now))
    assert gone | kept == identities(before) | identities(now)
    assert not gone & kept
    assert identities(now) <= kept


@given(REFS, st.booleans())
def test_down_deletes_all_but_claims_and_those_too_when_asked(before, volumes_too):
    gone, kept = to_delete(united(before, ()), volumes_too=volumes_too)
    assert identities(gone) | identities(kept) == identities(before)
    assert all(ref.kind == "PersistentVolumeClaim" for ref in kept)
    if volumes_too:
        assert not kept
    else:
        assert all(ref.kind != "PersistentVolumeClaim" for ref in gone)


def test_what_is_served_goes_before_what_it_stands_on():
    refs = [Ref("v1", "Service", "s", "n"), Ref("machinelearning.seldon.io/v1", "SeldonDeployment", "d", "n")]
    refs.append(Ref("apps/v1", "Deployment", "w", "n"))
    assert [ref.kind for ref in to_prune(refs, [])] == ["SeldonDeployment", "Deployment", "Service"]


def test_overlays_that_serve_share_a_set_and_others_have_one_of_their_own():
    serving = manifests("apiVersion: machinelearning.seldon.io/v1\nkind: SeldonDeployment\nmetadata: {name: a}\n", "x")
    others = manifests("apiVersion: v1\nkind: Service\nmetadata: {name: a}\n", "x")
    assert set_of(serving, "kustomize/overlays/ab-test") == set_of(serving, "kustomize/overlays/bandit") == SERVING
    assert set_of(others, "kustomize/monitoring/") == "monitoring"
    assert set_of(others, "My File_1.yaml") == "my-file-1-yaml"
    assert len("forkcast-inventory-" + set_of(others, "x" * 200)) <= 63


def test_an_object_without_our_label_is_not_ours():
    assert is_ours({"metadata": {"labels": {SET_LABEL: SERVING}}}, SERVING)
    assert not is_ours({"metadata": {"labels": {SET_LABEL: "monitoring"}}}, SERVING)
    assert not is_ours({"metadata": {"labels": None}}, SERVING)
