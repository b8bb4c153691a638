"""A user's method is called once, and with `meta` exactly if it takes it."""

import functools
import json

import numpy as np
import pytest
import wrapper_zoo as zoo
from stock_oracle import IDENTITY, Ours, Stock

from model_server.graph import protos
from model_server.graph.verbs import Verb
from model_server.graph.wrapper.calls import Identity
from model_server.graph.wrapper.user_object import TakesMeta, UserObject

TREE = {"data": {"ndarray": [[1.0, 2.0]], "names": ["a", "b"]}, "meta": {"puid": "p"}}
BODY = json.dumps(TREE).encode()


def takes_meta(method):
    return UserObject(type("Anything", (), {"predict": method})(), {}).takes_meta("predict")


def decorated(method):
    @functools.wraps(method)
    def replacement(*args, **kwargs):
        return method(*args, **kwargs)

    return replacement


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        (lambda self, X, names: 0, TakesMeta.NO),
        (lambda self, X, names=None, metadata=None: 0, TakesMeta.NO),
        (lambda self, X, names, meta, /: 0, TakesMeta.NO),
        (lambda self, X, names, *meta: 0, TakesMeta.NO),
        (lambda self, X, names, meta=None: 0, TakesMeta.YES),
        (lambda self, X, names, *, meta=None: 0, TakesMeta.YES),
        (lambda self, X, names, meta: 0, TakesMeta.MUST),
        (lambda self, X, names, **keywords: 0, TakesMeta.IF_ITS_FUNCTION_DOES),
        (decorated(lambda self, X, names: 0), TakesMeta.NO),
        (decorated(lambda self, X, names, meta=None: 0), TakesMeta.IF_ITS_FUNCTION_DOES),
        (zoo.careless(lambda self, X, names: 0), TakesMeta.IF_ITS_FUNCTION_DOES),
        (functools.partialmethod(lambda self, X, names, meta=None: 0), TakesMeta.YES),
        (print, TakesMeta.NO),
        (min, TakesMeta.NO),
    ],
)
def test_whether_a_method_takes_meta_is_read_from_its_signature(method, expected):
    assert takes_meta(method) is expected


class Counts:
    """Counts its calls, then fails inside."""

    def __init__(self):
        self.n_calls = 0

    def predict(self, X, names, meta=None):
        self.n_calls += 1
        raise TypeError("unsupported operand")

    def route(self, X, names, **keywords):
        self.n_calls += 1
        raise TypeError("got an unexpected keyword argument 'depth'")


@pytest.mark.parametrize("verb", [Verb.PREDICT, Verb.ROUTE], ids=lambda verb: verb.method)
def test_a_type_error_inside_a_method_does_not_call_it_again_as_seldon_does(verb):
    mine, seldons = Counts(), Counts()
    outcome = Ours(mine).rest(verb, BODY)
    assert outcome == Stock(seldons).rest(verb.path, data=BODY, content_type="application/json")
    assert (mine.n_calls, seldons.n_calls) == (1, 2)


def test_a_decorator_that_hides_its_method_is_found_out_once():
    seen = []

    def spies(method):
        def replacement(*args, **kwargs):
            seen.append(sorted(kwargs))
            return method(*args, **kwargs)

        return replacement

    class Spied:
        @spies
        def predict(self, X, names):
            return X

    ours = Ours(Spied())
    for _ in range(3):
        assert ours.rest(Verb.PREDICT, BODY).status == 200
    assert seen == [["meta"], [], [], []]


def test_a_deprecated_method_is_warned_about_once(caplog):
    ours = Ours(zoo.DeprecatedForRest())
    with caplog.at_level("WARNING"):
        for _ in range(3):
            ours.rest(Verb.PREDICT, BODY)
    assert caplog.text.count("predict_rest is deprecated") == 1


@pytest.mark.parametrize(
    ("identity", "path"),
    [
        (Identity(), None),
        (Identity(unit="u"), {"u": "NOT_IMPLEMENTED:NOT_IMPLEMENTED"}),
        (Identity(unit="u", image="i:1"), {"u": "i:1"}),
    ],
)
def test_a_component_that_knows_its_name_tells_it(identity, path, monkeypatch):
    for variable, value in (("PREDICTIVE_UNIT_ID", identity.unit), ("PREDICTIVE_UNIT_IMAGE", identity.image)):
        monkeypatch.setenv(variable, value) if value else monkeypatch.delenv(variable)
    outcome = Ours(zoo.Echo(), identity).rest(Verb.PREDICT, BODY)
    assert outcome.body["meta"].get("requestPath") == path
    assert outcome == Stock(zoo.Echo()).rest("/predict", data=BODY, content_type="application/json")


def test_what_the_operator_says_is_read_from_the_environment():
    environ = {
        "PREDICTIVE_UNIT_ID": "unit-7",
        "PREDICTIVE_UNIT_IMAGE": "registry:5000/image:1.2",
        "PREDICTOR_ID": "p",
        "SELDON_DEPLOYMENT_ID": "d",
    }
    assert Identity.from_environ(environ) == IDENTITY
    assert Identity.from_environ({"PREDICTOR_LABELS": '{"version": "v9"}'}).labels == {"version": "v9"}


def test_every_reward_is_told_but_for_what_would_end_all_sums():
    ours = Ours(zoo.Learns())
    for reward in (0, 1, -0.5, "NaN", "Infinity"):
        assert ours.rest(Verb.SEND_FEEDBACK, json.dumps({"reward": reward}).encode()).status == 200
        expected = [] if isinstance(reward, str) else [reward]
        assert ours.counted.rewards == expected


def test_the_routing_of_feedback_is_that_of_the_own_unit():
    class Routed:
        def send_feedback(self, features, names, reward, truth, routing=None):
            return [float(routing)]

    feedback = json.dumps({"response": {"meta": {"routing": {"unit-7": 4, "0": 5}}}}).encode()
    assert Ours(Routed()).rest(Verb.SEND_FEEDBACK, feedback).body["data"]["tensor"]["values"] == [4.0]
    nameless = Ours(Routed(), Identity()).rest(Verb.SEND_FEEDBACK, feedback)
    assert nameless.body["data"]["tensor"]["values"] == [5.0]


def test_the_array_of_a_tensor_may_be_written_into():
    message = protos.ours().SeldonMessage(data={"tensor": {"shape": [2], "values": [1.0, 2.0]}})
    outcome = Ours(zoo.ScribblesOnItsInput()).grpc(Verb.PREDICT, message)
    assert (outcome.status, outcome.body.count("values: 7")) == ("OK", 2)


class Remembers:
    def predict(self, X, names, meta=None):
        self.seen = X
        return X


def test_a_tensor_with_unknown_fields_is_read_by_its_values():
    """Seldon's wrapper would take the last bytes of the message, whatever they are, for numbers."""
    tensor = protos.ours().SeldonMessage(data={"tensor": {"shape": [300], "values": np.arange(300.0)}}).data.tensor
    unknown = b"\x9a\x06\x08" + np.float64(7).tobytes()  # field 99, eight bytes
    message = protos.ours().SeldonMessage()
    message.data.tensor.ParseFromString(tensor.SerializeToString() + unknown)
    instance = Remembers()
    assert Ours(instance).grpc(Verb.PREDICT, message).status == "OK"
    np.testing.assert_array_equal(instance.seen, np.arange(300.0))
