"""Annotations of Seldon's with the effect that they have on a cluster: real Envoy, real graph servers."""

import grpc
import pytest
import requests
from runtime_under_test import overlay, predictor
from seldon_core.proto import prediction_pb2, prediction_pb2_grpc
from steady_load import BODY

pytestmark = [pytest.mark.component, pytest.mark.filterwarnings("ignore::DeprecationWarning")]

SMALLEST_MESSAGE_BYTES = 4096


def main(annotations=None):
    return overlay(predictor("champion"), annotations=annotations)


def beta(header):
    annotations = {"seldon.io/ambassador-service-name": "xgboost", "seldon.io/ambassador-header": header}
    return overlay(predictor("challenger"), name="beta", annotations=annotations)


def by_rest(forkcast, headers):
    answer = requests.post(forkcast.url, json=BODY, headers=headers, timeout=30)
    assert answer.status_code == 200, answer.text
    return answer.json()["meta"]["tags"]["predictor"]


def by_grpc(forkcast, headers, rows=1):
    message = prediction_pb2.SeldonMessage()
    message.data.tensor.shape.extend([rows, 1])
    message.data.tensor.values.extend([1.0] * rows)
    known = (("seldon", "xgboost"), ("namespace", "seldon"))
    with grpc.insecure_channel(forkcast.gateway) as channel:
        stub = prediction_pb2_grpc.SeldonStub(channel)
        answer = stub.Predict(message, metadata=(*known, *headers.items()), timeout=30)
    return answer.meta.tags["predictor"].string_value


def test_a_header_chooses_the_second_deployment_until_another_overlay_is_applied(forkcast):
    forkcast.up(f"{main()}\n---\n{beta('Location: london')}")
    for ask in (by_rest, by_grpc):
        assert [ask(forkcast, {"location": "london"}) for _ in range(5)] == ["challenger"] * 5
        assert [ask(forkcast, {"location": "paris"}) for _ in range(5)] == ["champion"] * 5
        assert ask(forkcast, {}) == "champion"
    assert [each.get("header") for each in forkcast.status()["deployments"]] == [None, "location: london"]
    forkcast.apply(f"{main()}\n---\n{beta('x-beta')}")
    for ask in (by_rest, by_grpc):
        assert ask(forkcast, {"x-beta": "whatever"}) == "challenger"
        assert ask(forkcast, {"location": "london"}) == "champion"
    forkcast.apply(main())
    assert by_rest(forkcast, {"x-beta": "whatever"}) == "champion"


def test_timeouts_retries_and_sizes_of_annotations_are_kept(forkcast):
    slow = {"name": "delay_seconds", "value": "1.5", "type": "FLOAT"}
    annotations = {
        "seldon.io/rest-timeout": "300",
        "seldon.io/grpc-timeout": "300",
        "seldon.io/istio-retries": "3",
        "seldon.io/istio-retries-timeout": "1",
        "seldon.io/grpc-max-message-size": str(SMALLEST_MESSAGE_BYTES),
    }
    forkcast.up(overlay(predictor("champion", parameters=[slow]), annotations=annotations))
    assert requests.post(forkcast.url, json=BODY, timeout=30).status_code == 504
    with pytest.raises(grpc.RpcError) as late:
        by_grpc(forkcast, {})
    assert late.value.code() in {grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.UNAVAILABLE}

    limit = {"seldon.io/grpc-max-message-size": str(SMALLEST_MESSAGE_BYTES)}
    forkcast.apply(overlay(predictor("challenger"), annotations=limit))
    assert by_grpc(forkcast, {}, rows=100) == "challenger"
    with pytest.raises(grpc.RpcError) as large:
        by_grpc(forkcast, {}, rows=SMALLEST_MESSAGE_BYTES)
    assert large.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
