"""What an exception out of a user's code becomes, over REST and gRPC."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import wrapper_zoo as zoo
from seldon_core.flask_utils import SeldonMicroserviceException
from stock_oracle import Ours, Stock

from model_server.errors import CallersFault, OursToMend
from model_server.graph import protos
from model_server.graph.errors import MAX_DETAILS_BYTES
from model_server.graph.verbs import Verb

TREE = {"data": {"ndarray": [[1.0, 2.0]]}}
BODY = json.dumps(TREE).encode()


class TheirFault(CallersFault):
    pass


class OurFault(OursToMend):
    pass


class Misplaced(SeldonMicroserviceException):
    pass


def raising(error, **attributes):
    def predict(self, X, names, meta=None):
        raise error

    return type("Raising", (), {"predict": predict, **attributes})()


def over_grpc(instance):
    message = protos.ours().SeldonMessage(strData="x")
    return Ours(instance).grpc(Verb.PREDICT, message)


def test_a_callers_fault_is_told_as_install_model_tells_it():
    error = TheirFault("row 1: no")
    outcome = Ours(raising(error)).rest(Verb.PREDICT, BODY)
    status = {"code": 400, "info": "row 1: no", "reason": "MICROSERVICE_BAD_DATA", "status": "FAILURE"}
    assert (outcome.status, outcome.body) == (400, {"status": status})
    assert (over_grpc(raising(error)).status, over_grpc(raising(error)).body) == ("INVALID_ARGUMENT", "row 1: no")


def test_a_fault_of_ours_is_a_500():
    outcome = Ours(raising(OurFault("the model is gone"))).rest(Verb.PREDICT, BODY)
    assert (outcome.status, outcome.info) == (500, "the model is gone")
    assert over_grpc(raising(OurFault("the model is gone"))).status == "UNKNOWN"


@pytest.mark.parametrize("text", ["x" * 9_000, "é" * 9_000, "\ud800" * 9_000])
def test_a_long_text_is_cut_for_grpc_where_it_travels_as_a_header(text):
    told = over_grpc(raising(TheirFault(text))).body
    assert 0 < len(told.encode()) <= MAX_DETAILS_BYTES


@pytest.mark.parametrize("status_code", [200, 404, 429, 503, 42, None, "x"])
def test_a_class_chooses_its_status_where_it_is_one(status_code):
    error = SeldonMicroserviceException("busy", status_code=status_code, reason="BUSY")
    outcome = Ours(raising(error)).rest(Verb.PREDICT, BODY)
    expected = {42: 500, "x": 500, None: 400}.get(status_code, status_code)
    assert (outcome.status, outcome.body["status"]["info"], outcome.body["status"]["reason"]) == (
        expected,
        "busy",
        "BUSY",
    )


def blueprint(*kinds, status=418):
    import flask

    handlers = flask.Blueprint("own_errors", __name__)
    for kind in kinds:

        @handlers.app_errorhandler(kind)
        def handle(error):
            return flask.jsonify({"own": str(error), "path": flask.request.path}), status

    return handlers


@pytest.mark.parametrize(
    "error", [ValueError("odd"), KeyError("k"), Misplaced("there"), SeldonMicroserviceException("seldon's")], ids=repr
)
@pytest.mark.parametrize(
    "kinds", [(ValueError,), (LookupError, Misplaced), (Exception,), (SeldonMicroserviceException,)]
)
def test_a_flask_blueprint_answers_where_it_would_under_seldon(error, kinds):
    instances = [raising(error, model_error_handler=blueprint(*kinds)) for _ in range(2)]
    stock = Stock(instances[0]).rest("/predict", data=BODY, content_type="application/json")
    assert Ours(instances[1]).rest(Verb.PREDICT, BODY) == stock


def test_a_blueprint_answers_http_exceptions_too():
    from werkzeug.exceptions import Forbidden

    instances = [raising(Forbidden(), model_error_handler=blueprint(Forbidden)) for _ in range(2)]
    stock = Stock(instances[0]).rest("/predict", data=BODY, content_type="application/json")
    assert Ours(instances[1]).rest(Verb.PREDICT, BODY) == stock
    assert stock.status == 418


def test_a_blueprint_has_no_say_over_grpc():
    touched = []
    handler = property(lambda self: touched.append(self) or blueprint(ValueError))
    told = over_grpc(raising(ValueError("odd"), model_error_handler=handler))
    assert (told.status, told.body) == ("UNKNOWN", "Exception calling application: odd")
    assert not touched


def test_what_a_component_lacks_is_no_callers_fault_over_grpc():
    message = protos.ours().SeldonMessage(strData="x")
    for kind, said in ((zoo.Component, "route is not implemented"), (zoo.Empty, "Route not defined")):
        told = Ours(kind()).grpc(Verb.ROUTE, message)
        assert (told.status, told.body) == ("UNKNOWN", f"Exception calling application: {said}")


def test_a_blueprint_that_fails_is_no_worse_than_none():
    class Fails(zoo.Raises):
        @property
        def model_error_handler(self):
            raise RuntimeError("no blueprint today")

    outcome = Ours(Fails()).rest(Verb.PREDICT, BODY)
    assert (outcome.status, outcome.info) == (500, "this model always fails")


def test_a_blueprint_is_not_touched_for_errors_that_have_an_answer():
    class Watches:
        touched = False

        @property
        def model_error_handler(self):
            type(self).touched = True
            return blueprint(ValueError)

        def predict(self, X, names, meta=None):
            raise TheirFault("no")

    ours = Ours(Watches())
    ours.rest(Verb.PREDICT, BODY)
    ours.rest(Verb.PREDICT, b'{"data": 5}')
    ours.grpc(Verb.PREDICT, protos.ours().SeldonMessage(strData="x"))
    assert not Watches.touched


@pytest.mark.parametrize(
    ("code", "expected"),
    [(200, 200), (201, 201), (404, 404), (503, 503), (-1, 500), (7, 500), ("404", 500), (None, 500)],
)
def test_an_answer_may_hold_its_own_status(code, expected):
    class Answers:
        def predict_raw(self, message):
            return {"status": {"code": code, "info": "so it is"}, "jsonData": 1}

    outcome = Ours(Answers()).rest(Verb.PREDICT, BODY)
    assert (outcome.status, outcome.body["jsonData"]) == (expected, 1)
    if isinstance(code, int) and code >= 200:
        assert Stock(Answers()).rest("/predict", data=BODY, content_type="application/json") == outcome
    elsewhere = type("Elsewhere", (), {"transform_input_raw": Answers.predict_raw})()
    assert Ours(elsewhere).rest(Verb.TRANSFORM_INPUT, BODY).status == 200


def test_a_raw_class_under_payload_passthrough_gets_the_bytes():
    class Raw:
        def predict_raw(self, body):
            return body[::-1]

    assert Ours(Raw()).wrapped.answer_bytes(b"abc") == b"cba"
    refused = Ours(zoo.Echo())
    outcome = refused.outcome(lambda: refused.wrapped.answer_bytes(b"abc"))
    assert (outcome.status, outcome.info) == (400, "Invalid request data type: b'abc'")


def test_a_text_that_would_take_all_memory_is_refused():
    cells = ["x" * 1_000_000, *[1] * 1_000]
    outcome = Ours(zoo.Echo()).rest(Verb.PREDICT, json.dumps({"data": {"ndarray": cells}}).encode())
    assert outcome.status == 413
    assert "1,001 cells, the longest of 1,000,000 characters" in outcome.info
    with_null = json.dumps({"data": {"ndarray": [*cells, None]}}).encode()  # numpy keeps pointers then
    assert Ours(zoo.Echo()).rest(Verb.PREDICT, with_null).status == 200


def test_nothing_here_imports_seldon_core_or_flask():
    program = """
import sys
from model_server.graph import protos
from model_server.graph.verbs import Verb
from model_server.graph.wrapper import bodies, row_wise, user_class
from model_server.graph.wrapper.calls import Identity, Wrapped

class Adds:
    row_wise = True
    def predict(self, X, names):
        return X + 1
    def send_feedback(self, features, names, reward, truth, routing=None):
        return [reward]

wrapped = Wrapped(Adds(), Identity(), on_metrics=print, on_reward=lambda reward: None)
tree = {"data": {"ndarray": [[1]]}}
message = protos.ours().SeldonMessage()
message.data.tensor.shape.extend([1, 1])
message.data.tensor.values.append(1.0)
print(wrapped.answer_tree(Verb.PREDICT, tree)["data"]["ndarray"], wrapped.answer_proto(Verb.PREDICT, message).data)
print(row_wise.answer_many(wrapped, Verb.PREDICT, [tree, message]))
print(wrapped.answer_tree(Verb.SEND_FEEDBACK, {"reward": 1}), wrapped.health(), wrapped.metadata())
assert not {"seldon_core", "flask", "tensorflow"} & {name.split(".")[0] for name in sys.modules}
"""
    root = Path(__file__).parents[4]
    subprocess.run([sys.executable, "-c", program], check=True, cwd=root, env={"PYTHONPATH": str(root)})
