"""What is wrong with a generated request, that its client can mend: by Seldon's own rules, told without our code."""

from clients_faults import has_null_meta, has_odd_meta, has_odd_payload, has_odd_tensor, has_odd_values, is_ragged
from google.protobuf import json_format
from google.protobuf.message import DecodeError

from model_server.graph import protos

FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
ANSWERED_OTHERWISE = ("missing", "bad", "twice", "ragged", "'status'")
"""By a component of the zoo: what shows a difference."""


def http_status_of(request):
    """400 or 415, which a REST request deserves; None where nothing is wrong with it."""
    if not request.is_message:
        return None
    kind = (request.content_type or "").partition(";")[0].strip().lower()
    is_json = kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))
    if not is_json and kind not in {FORM, MULTIPART} and "?json=" not in request.path:
        return 415
    return 400 if request.tree is None or is_wrong(request) else None


def is_wrong(request):
    """Whether what a request says is none of the messages that it should be."""
    if not request.is_message:
        return False
    if request.is_feedback:
        feedback = feedback_of(request)
        return feedback is None or any(_is_wrong_data(part) for part in (feedback.request, feedback.truth))
    if request.is_rest:
        return any(has_odd_payload(tree) or has_odd_meta(tree) for tree in _trees(request))
    messages = _messages(request)
    return not messages or any(each.WhichOneof("data_oneof") is None or _is_wrong_data(each) for each in messages)


def is_plain(request):
    """Whether nothing is wrong with a request, and both sides answer it with the same code."""
    if not request.is_message:
        return not request.path.startswith("/nowhere") and request.method != "PUT"
    is_fault = http_status_of(request) is not None if request.is_rest else is_wrong(request)
    has_a_difference = has_nulls(request) or has_open_dimension(request)
    return not is_fault and not has_a_difference and not any(word in str(request.tree) for word in ANSWERED_OTHERWISE)


def has_nulls(request):
    """Null for meta, or for a part of it: in protobuf's JSON the same as nothing."""
    return request.is_rest and any(map(has_null_meta, _trees(request)))


def has_open_dimension(request):
    """A dimension of -1 in a tensor of protobuf's: numpy finds its size."""
    if request.is_feedback:
        feedback = feedback_of(request)
        messages = [] if feedback is None else [feedback.request, feedback.truth]
    else:
        messages = [] if request.is_rest else _messages(request)
    return any(-1 in message.data.tensor.shape for message in messages)


def feedback_of(request):
    """None where it is none."""
    feedback_class = protos.ours().Feedback
    try:
        if request.is_rest:
            return json_format.ParseDict(request.tree, feedback_class()) if isinstance(request.tree, dict) else None
        return feedback_class.FromString(request.body)
    except (json_format.ParseError, DecodeError, AttributeError, TypeError, ValueError):
        return None


def _trees(request):
    if not request.is_aggregate:
        return [request.tree]
    messages = request.tree.get("seldonMessages") if isinstance(request.tree, dict) else request.tree
    return messages if isinstance(messages, list) and messages else [None]


def _messages(request):
    """Of gRPC; none where they cannot be read."""
    classes = protos.ours()
    try:
        if request.is_aggregate:
            return list(classes.SeldonMessageList.FromString(request.body).seldonMessages)
        return [classes.SeldonMessage.FromString(request.body)]
    except DecodeError:
        return []


def _is_wrong_data(message):
    is_odd = has_odd_tensor(message) and not has_open_dimension_of(message)
    data = message.data.WhichOneof("data_oneof")
    return is_odd or data == "tftensor" or is_ragged(message) or has_odd_values(message)


def has_open_dimension_of(message):
    return -1 in message.data.tensor.shape
