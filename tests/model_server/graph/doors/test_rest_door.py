"""The REST door: which path and method is whose, what goes beside an answer, what is counted, and what is refused."""

import asyncio
import json
import re

import pytest
from asked_door import Door

from model_server.graph.doors.component import metrics_surface
from model_server.graph.doors.component import rest_surface as component_surface
from model_server.graph.doors.executor import rest_surface as executor_surface
from model_server.graph.errors import ComponentTimedOut, WrapperError
from model_server.graph.messages import RestMessage
from model_server.graph.predictor import from_dict
from model_server.graph.serving import Graph, Readiness
from model_server.graph.settings import Limits, Settings
from model_server.graph.walk import Walk

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
PREDICTIONS = "/api/v1.0/predictions"


class Scripted:
    """A component that answers, or raises, what it was given."""

    def __init__(self, answer=None):
        self.answer = answer or RestMessage.of_tree({"strData": "a"})
        self.asked = []
        self.is_well = True

    async def call(self, verb, message, context):
        self.asked.append((verb.path, message, context))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def metadata(self, context):
        return {"name": "m", "versions": [], "inputs": [], "outputs": []}

    async def status(self, context):
        return RestMessage.of_tree({"strData": "healthy"})

    async def is_ready(self, *, thoroughly):
        return self.is_well


def a_readiness(component):
    return Readiness([component], is_draining=lambda: False, full_health_checks=False)


def an_executor(answer=None, limits=None, **settings):
    component = Scripted(answer)
    predictor = from_dict({"name": "p", "graph": {"name": "node", "type": "MODEL"}}, "here")
    walk = Walk(predictor.graph, {"node": component}, chance=lambda: 0.0)
    graph = Graph(predictor, walk, a_readiness(component))
    door = Door(executor_surface(graph, Settings(deployment="dep", namespace="ns", **settings)), limits)
    return door, component


def a_component(answer=None, metrics_path=None):
    component = Scripted(answer)
    return Door(component_surface(component, a_readiness(component), metrics_path)), component


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/live", 200),
        ("HEAD", "/live", 200),
        ("POST", "/ready", 200),
        ("GET", "/ready/", 404),
        ("POST", PREDICTIONS, 200),
        ("POST", "/api/v0.1/predictions", 200),
        ("POST", f"{PREDICTIONS}/", 404),
        ("POST", f"/{PREDICTIONS}", 404),
        ("GET", PREDICTIONS, 405),
        ("HEAD", PREDICTIONS, 405),
        ("BREW", PREDICTIONS, 405),
        ("OPTIONS", PREDICTIONS, 200),
        ("OPTIONS", "/nowhere", 404),
        ("POST", "/predict", 404),
        ("GET", "/api/v1.0/status", 200),
        ("GET", "/api/v1.0/status/", 404),
        ("GET", "/api/v1.0/status/node", 200),
        ("GET", "/api/v0.1/status/node", 200),
        ("GET", "/api/v1.0/status/node/more", 404),
        ("GET", "/api/v1.0/status/other", 500),
        ("POST", "/api/v1.0/status/node", 405),
        ("GET", "/api/v1.0/metadata", 200),
        ("GET", "/api/v1.0/metadata/node", 200),
        ("GET", "/", 404),
        ("GET", "", 404),
        ("GET", "*", 404),
    ],
)
def test_paths_and_methods_of_an_executor(method, path, status):
    door, _ = an_executor()
    assert door.ask(method, path).status == status


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/predict", 200),
        ("GET", "/predict", 200),
        ("PUT", "/predict", 405),
        ("POST", PREDICTIONS, 200),
        ("GET", PREDICTIONS, 405),
        ("POST", "/api/v0.1/feedback", 200),
        ("GET", "/health/ping", 200),
        ("HEAD", "/health/ping", 200),
        ("HEAD", "/health/status", 200),
        ("GET", "/metadata", 200),
        ("POST", "/metadata", 405),
        ("GET", "/live", 200),
        ("GET", "/ready", 200),
        ("GET", "/metrics", 404),
        ("POST", "/nowhere", 404),
    ],
)
def test_paths_and_methods_of_a_component(method, path, status):
    door, _ = a_component()
    assert door.ask(method, path).status == status


def test_what_is_counted_is_named_by_the_route_and_never_by_the_client():
    door, _ = an_executor()
    for method, path in (
        ("POST", PREDICTIONS),
        ("OPTIONS", PREDICTIONS),
        ("BREW", PREDICTIONS),
        ("BREW", "/nowhere"),
        ("GET", "/live"),
        ("GET", "/ready"),
        ("GET", "/api/v1.0/status/whoever-it-is"),
    ):
        door.ask(method, path)
    assert door.counted.answers == [("predictions", "post", "200"), ("status", "get", "500")]


def test_an_error_is_counted_once_with_its_code():
    door, _ = an_executor(WrapperError("bad", http_status=400))
    assert door.ask("POST", PREDICTIONS).status == 400
    assert door.counted.answers == [("predictions", "post", "400")]
    assert door.counted.under_way == 0


def test_every_answer_of_an_executor_has_an_id_and_says_who_may_read_it():
    door, _ = an_executor(cors_origins="https://a.example", cors_headers="X-A")
    for method, path, methods in (
        ("POST", PREDICTIONS, "OPTIONS,POST"),
        ("OPTIONS", PREDICTIONS, "OPTIONS,POST"),
        ("GET", "/api/v1.0/status/node", "GET,OPTIONS"),
        ("GET", "/api/v1.0/status/other", "GET,OPTIONS"),
        ("GET", "/live", None),
    ):
        answer = door.ask(method, path)
        assert UUID.fullmatch(answer.headers["seldon-puid"])
        assert answer.headers["access-control-allow-origin"] == "https://a.example"
        assert answer.headers["access-control-allow-headers"] == "X-A"
        assert answer.headers.get("access-control-allow-methods") == methods
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert "seldon-puid" not in door.ask("GET", "/nowhere").headers


@pytest.mark.parametrize("given", ["a", "x" * 200, "with space", "!~"])
def test_an_id_that_can_be_sent_on_is_kept(given):
    door, component = an_executor()
    answer = door.ask("POST", PREDICTIONS, headers=[("Seldon-Puid", given)])
    assert answer.headers["seldon-puid"] == given
    assert component.asked[0][2].puid == given


@pytest.mark.parametrize("given", ["", " a", "x" * 201, "a\nb", "a\tb", "caf\xe9", "\x7f"])
def test_an_id_that_cannot_be_sent_on_is_replaced(given):
    door, _ = an_executor()
    assert UUID.fullmatch(door.ask("POST", PREDICTIONS, headers=[("Seldon-Puid", given)]).headers["seldon-puid"])


@pytest.mark.parametrize("fails", [False, True])
def test_a_cloud_event_is_answered_by_one_also_where_it_fails(fails):
    door, _ = an_executor(WrapperError("bad") if fails else None)
    headers = door.ask("POST", PREDICTIONS, headers=[("Ce-Specversion", "1.0"), ("Seldon-Puid", "id")]).headers
    assert {name: headers[name] for name in headers if name.startswith("ce-")} == {
        "ce-id": "id",
        "ce-specversion": "0.3",
        "ce-path": PREDICTIONS,
        "ce-type": "seldon.dep.ns.response",
        "ce-source": "seldon.dep",
    }


def test_a_path_cannot_add_headers_to_an_answer():
    door, _ = an_executor()
    path = "/api/v1.0/status/a\r\nSet-Cookie: b\0\x7f\u20ac"
    answer = door.ask("GET", path, headers=[("Ce-Specversion", "1.0")])
    assert answer.status == 500
    assert answer.headers["ce-path"].encode("latin-1").decode() == "/api/v1.0/status/a  Set-Cookie: b  \u20ac"


@pytest.mark.parametrize("content_type", ["text/\u20ac", "text/caf\xe9", "a\udc80"])
def test_a_content_type_beyond_ascii_goes_through_as_well_as_it_can(content_type):
    door, _ = an_executor(RestMessage(b"x", content_type))
    answer = door.ask("POST", PREDICTIONS)
    assert answer.status == 200
    assert answer.headers["content-type"][0] == content_type[0]


def test_a_browser_is_shown_no_markup_unless_the_answer_is_compressed():
    door, _ = an_executor(RestMessage(b'{"a":"<b>&"}'))
    assert door.ask("POST", PREDICTIONS).body == rb'{"a":"\u003cb\u003e\u0026"}'
    door, _ = an_executor(RestMessage(b"<>&", "application/json", "gzip"))
    answer = door.ask("POST", PREDICTIONS)
    assert (answer.body, answer.headers["content-encoding"]) == (b"<>&", "gzip")


def test_what_broke_in_the_server_is_a_500_that_names_the_request_and_keeps_the_reason(caplog):
    door, _ = an_executor(ZeroDivisionError("secret"))
    answer = door.ask("POST", PREDICTIONS, headers=[("Seldon-Puid", "the-id")])
    told = json.loads(answer.body)["status"]
    assert (answer.status, told["status"]) == (500, "FAILURE")
    assert "the-id" in told["info"]
    assert "secret" not in told["info"]
    (record,) = caplog.records
    assert record.request_id == "the-id"
    assert "secret" in caplog.text
    assert door.counted.answers == [("predictions", "post", "500")]


def test_a_status_of_a_users_own_that_is_no_json_is_still_an_answer():
    door, _ = a_component(WrapperError("bad", status={"code": object()}))
    assert json.loads(door.ask("POST", "/predict").body)["status"]["info"] == "bad"


def test_a_timeout_of_a_component_is_a_500_in_the_executors_form():
    door, _ = an_executor(ComponentTimedOut('Post "http://node/predict": context deadline exceeded'))
    answer = door.ask("POST", PREDICTIONS)
    assert answer.status == 500
    assert answer.headers["content-type"] == "application/json"
    assert json.loads(answer.body)["status"]["info"].endswith("context deadline exceeded")


def test_a_body_that_comes_in_parts_is_one():
    door, component = an_executor()

    async def sends(exchange):
        for part in (b'{"a"', b":1}"):
            await asyncio.sleep(0)
            exchange.add(part)
        exchange.end()

    assert door.ask("POST", PREDICTIONS, sends=sends).status == 200
    assert component.asked[0][1].body == b'{"a":1}'


def test_a_body_that_is_too_large_is_refused_and_counted():
    door, component = an_executor(limits=Limits(max_body_bytes=4))
    answer = door.ask("POST", PREDICTIONS, b"12345")
    assert answer.status == 413
    assert door.counted.refusals == ["too_large"]
    assert component.asked == []
    assert door.counted.answers == [("predictions", "post", "413")]


def test_a_client_that_leaves_before_its_request_is_complete_gets_no_answer_and_holds_no_place():
    door, component = an_executor()

    async def sends(exchange):
        exchange.add(b"{")
        await asyncio.sleep(0)
        exchange.abandon()

    assert door.ask("POST", PREDICTIONS, sends=sends) is None
    assert (component.asked, door.counted.answers, door.counted.under_way) == ([], [], 0)


def test_who_sends_slowly_takes_no_place_from_those_whose_request_has_arrived():
    door, _ = an_executor(limits=Limits(max_requests_waiting=1))

    async def go():
        arrived = asyncio.Event()

        async def slowly(exchange):
            await arrived.wait()
            exchange.add(b"{}")
            exchange.end()

        slow = asyncio.create_task(door.asked("POST", PREDICTIONS, sends=slowly))
        await asyncio.sleep(0)
        assert (await door.asked("POST", PREDICTIONS, b"{}")).status == 200
        arrived.set()
        assert (await slow).status == 200

    asyncio.run(go())


def test_more_requests_than_may_wait_are_told_when_to_come_back_and_probes_are_still_answered():
    door, component = an_executor(limits=Limits(max_requests_waiting=1))

    async def go():
        entered, go_on = asyncio.Event(), asyncio.Event()

        async def call(verb, message, context):
            entered.set()
            await go_on.wait()
            return RestMessage.of_tree({})

        component.call = call
        first = asyncio.create_task(door.asked("POST", PREDICTIONS, b"{}"))
        await entered.wait()
        refused = await door.asked("POST", PREDICTIONS, b"{}")
        assert (refused.status, refused.headers["retry-after"]) == (429, "1")
        assert (await door.asked("GET", "/ready")).status == 200
        go_on.set()
        assert (await first).status == 200
        assert (await door.asked("POST", PREDICTIONS, b"{}")).status == 200

    asyncio.run(go())
    assert door.counted.refusals == ["queue_full"]
    assert door.counted.most_under_way == 1


def test_the_headers_of_a_request_reach_its_components_joined():
    door, component = an_executor()
    door.ask("POST", PREDICTIONS, headers=[("X-A", "1"), ("x-a", "2"), ("Cookie", "c=1"), ("Cookie", "d=2")])
    assert component.asked[0][2].headers == {"x-a": "1, 2", "cookie": "c=1; d=2"}


@pytest.mark.parametrize(
    ("value", "is_logged"), [("true", False), ("ON", False), ("1", False), ("0", True), ("", True)]
)
def test_who_asks_not_to_be_logged_is_not(value, is_logged):
    door, component = an_executor()
    door.ask("POST", PREDICTIONS, headers=[("Seldon-Skip-Logging", value)])
    assert component.asked[0][2].is_logged is is_logged


def test_a_component_is_asked_by_the_query_too():
    door, component = a_component()
    assert door.ask("GET", "/predict", query="json=%7B%22strData%22%3A%22a%22%7D").status == 200
    assert component.asked[0][1].tree() == {"strData": "a"}


def test_ready_says_503_where_a_component_is_not():
    for door, component in (an_executor(), a_component()):
        component.is_well = False
        assert door.ask("GET", "/ready").status == 503
        assert door.ask("GET", "/live").status == 200


def test_behind_the_port_for_metrics_is_nothing_else():
    door = Door(metrics_surface("/metrics"))
    assert door.ask("GET", "/predict").status == 404
    assert door.ask("POST", "/metrics").status == 405
