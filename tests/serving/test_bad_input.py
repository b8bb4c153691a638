"""Bad input, through every door: 400 or 413 with the finding, never a 500, and the next request is answered."""

import json

import bad_requests
import grpc
import pytest

pytestmark = pytest.mark.component


@pytest.fixture(scope="module")
def right_answers(door):
    """What the door says of a good request; every arm of a split has its own."""
    return {door.post(json=bad_requests.GOOD).json()["data"]["ndarray"][0] for _ in range(40)}


@pytest.fixture(autouse=True)
def the_next_request_is_answered_correctly(door, right_answers):
    yield
    assert door.post(json=bad_requests.GOOD).json()["data"]["ndarray"][0] in right_answers
    assert door.predict(bad_requests.GOOD)["data"]["ndarray"][0] in right_answers


def refused(response, status, said):
    told = refused_by_anyone(response, status)
    assert (told["status"], told["code"]) == ("FAILURE", status)
    assert said in told["info"]


def refused_by_anyone(response, *statuses):
    """The status object; the stock wrapper's own refusals write status 1 and code -1 into theirs."""
    assert response.status_code in statuses, response.text
    assert response.headers["Content-Type"].startswith("application/json")
    return response.json()["status"]


@pytest.mark.parametrize(
    ("message", "said"),
    (bad_requests.BAD | bad_requests.BAD_OVER_REST_ONLY).values(),
    ids=[*bad_requests.BAD, *bad_requests.BAD_OVER_REST_ONLY],
)
def test_rest_says_what_is_wrong_and_where(door, message, said):
    response = door.post(data=json.dumps(message), headers={"Content-Type": "application/json"})
    refused(response, 400, said)


@pytest.mark.parametrize(("message", "said"), bad_requests.BAD.values(), ids=bad_requests.BAD)
def test_grpc_says_what_is_wrong_and_where(door, message, said):
    with pytest.raises(grpc.RpcError) as error:
        door.predict(message)
    assert error.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    # protobuf has no integers, so whole numbers come back with a fraction
    assert said.split(":")[0] in error.value.details()


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ("impression", "application/json"),
        ("null", "application/json"),
        ("", "application/json"),
        ('{"data": ', "application/json"),
        ("[" * 100_000, "application/json"),
        (b"\xff\xfe\x00", "application/json"),
        ("json=impression", "application/x-www-form-urlencoded"),
    ],
    ids=["text", "null", "nothing", "half", "too deep", "no UTF-8", "a form"],
)
def test_a_body_that_is_no_json_is_refused(door, body, content_type):
    told = refused_by_anyone(door.post(data=body, headers={"Content-Type": content_type}), 400)
    assert "JSON" in told["info"] or "application/json" in told["info"]


@pytest.mark.parametrize("content_type", ["text/plain", "application/xml", None])
def test_a_body_of_another_content_type_is_refused_with_what_is_expected(door, content_type):
    headers = {} if content_type is None else {"Content-Type": content_type}
    response = door.post(data=json.dumps(bad_requests.GOOD), headers=headers)
    told = refused_by_anyone(response, door.status_of_wrong_type)
    assert f"the Content-Type is {content_type or 'missing'}; application/json is expected" in told["info"]


def test_forms_and_queries_without_json_are_refused(door):
    assert refused_by_anyone(door.post(files={"strData": b"\xff\xfe"}), 400)["info"]
    assert refused_by_anyone(door.post(params={"json": "{"}), 400, 415)  # a graph looks at bodies alone
    assert refused_by_anyone(door.post(data={"json": "1" * 5_000}), 400)  # more digits than Python reads


def test_a_body_of_20_megabytes_is_too_large(door):
    body = b'{"data": {"ndarray": [["' + b"x" * 20_000_000 + b'"]]}}'
    response = door.post(data=body, headers={"Content-Type": "application/json"})
    assert response.status_code == 413


def test_a_message_of_20_megabytes_is_too_large_for_grpc(door):
    with pytest.raises(grpc.RpcError) as error:
        door.predict({"strData": "x" * 20_000_000})
    assert error.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_a_reward_that_is_no_number_is_refused(door):
    refused(door.post("feedback", json={"reward": "NaN"}), 400, "a finite number from 0 is expected")
    with pytest.raises(grpc.RpcError) as error:
        door.send_feedback({"reward": "NaN"})
    assert error.value.code() is grpc.StatusCode.INVALID_ARGUMENT
