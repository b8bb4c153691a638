"""A component in this process: whose fault is a message that it cannot read."""

import asyncio
from dataclasses import replace
from types import SimpleNamespace

import pytest

from model_server.graph.components.in_process import InProcess
from model_server.graph.errors import GraphError
from model_server.graph.messages import Context, GrpcMessage, RestMessage
from model_server.graph.protos import ours
from model_server.graph.settings import Settings
from model_server.graph.verbs import Verb
from model_server.graph.wrapper.calls import Identity, Wrapped

RAGGED = {"data": {"ndarray": [[1, 2], [3]]}}
TAGGED = {"meta": {"tags": {"handed": "on"}}, **RAGGED}
OTHER = {"strData": "what the client said"}


class Echo:
    def predict(self, X, names):
        return X

    def aggregate(self, features, names):
        return features[0]


def refused(transport, *messages, clients):
    """The error of a component that is asked with the messages, of a graph that was asked with `clients`."""

    async def ask():
        wrapped = Wrapped(Echo(), Identity("unit"), on_metrics=lambda *_: None, on_reward=lambda _: None)
        component = InProcess("unit", "image", wrapped, SimpleNamespace(called=lambda *_: None), Settings())
        context = replace(Context("id", transport), clients_message=clients)
        try:
            if len(messages) > 1:
                await component.aggregate(messages, context)
            await component.call(Verb.PREDICT, messages[0], context)
        finally:
            await component.close()

    with pytest.raises(GraphError) as caught:
        asyncio.run(ask())
    return caught.value


def rest(tree):
    return RestMessage(RestMessage.of_tree(tree).body)


def proto(text):
    message = ours().SeldonMessage()
    message.data.ndarray.extend([[float(cell) for cell in row] for row in text])
    return GrpcMessage.of_proto(message)


def test_what_the_client_sent_is_its_fault():
    assert refused("rest", rest(RAGGED), clients=None).http_status == 400
    assert refused("rest", rest(RAGGED), clients=rest(RAGGED)).http_status == 400
    ragged = proto([[1, 2], [3]])
    assert refused("grpc", ragged, clients=GrpcMessage(ragged.serialized)).code == "INVALID_ARGUMENT"


def test_what_was_handed_on_with_other_meta_is_still_the_clients_fault():
    assert refused("rest", rest(TAGGED), clients=rest(RAGGED)).http_status == 400
    tagged = proto([[1, 2], [3]]).proto(ours().SeldonMessage)
    tagged.meta.puid = "p"
    assert refused("grpc", GrpcMessage.of_proto(tagged), clients=proto([[1, 2], [3]])).code == "INVALID_ARGUMENT"


def test_what_another_component_made_is_no_fault_of_the_clients():
    error = refused("rest", rest(RAGGED), clients=rest(OTHER))
    assert (error.http_status, error.status()["reason"]) == (500, "MICROSERVICE_INTERNAL_ERROR")
    error = refused("grpc", proto([[1, 2], [3]]), clients=proto([[1.0]]))
    assert (error.code, error.details()[:31]) == ("UNKNOWN", "Exception calling application: ")


def test_one_message_that_another_component_made_among_those_to_combine_is_enough():
    clients = rest(OTHER)
    assert refused("rest", rest(OTHER), rest(RAGGED), clients=clients).http_status == 500
    assert refused("rest", rest(RAGGED), rest(RAGGED), clients=rest(RAGGED)).http_status == 400
