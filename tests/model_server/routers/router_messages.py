"""Seldon's messages in both forms, as routers get and give them."""

from google.protobuf import json_format

from model_server.graph import protos


def as_tree(message):
    return message


def as_proto(message, kind="SeldonMessage"):
    return json_format.ParseDict(message, getattr(protos.ours(), kind)())


def tree_of(message):
    """Of either form."""
    return message if isinstance(message, dict) else json_format.MessageToDict(message)


def request(tags=None, names=("a",), rows=((1.0,),)):
    meta = {} if tags is None else {"meta": {"tags": tags}}
    return {**meta, "data": {"names": list(names), "ndarray": [list(row) for row in rows]}}


def feedback(arm=None, reward=None, routing=None, truth=None, puid="", n_rows=1):  # noqa: PLR0917 -- what feedback is made of
    tags = {} if arm is None else {"arm": arm}
    meta = {"tags": tags, "routing": routing or {}, **({"puid": puid} if puid else {})}
    told = {"request": request(), "response": {"meta": meta, "data": {"ndarray": [0.5] * n_rows}}}
    told |= {} if reward is None else {"reward": reward}
    return told if truth is None else {**told, "truth": truth}


def metrics_of(answer):
    """(key, sorted tags) -> value; of both forms."""
    told = tree_of(answer).get("meta", {}).get("metrics", [])
    return {(each["key"], tuple(sorted(each.get("tags", {}).items()))): each["value"] for each in told}


def branch_of(answer):
    ((branch,),) = tree_of(answer)["data"]["ndarray"]
    return branch
