"""A message -> what a user's object answers, as a message again. Runs on the component's threads, and may block."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from model_server.graph import protos
from model_server.graph.errors import GraphError, TooLarge
from model_server.graph.messages import GrpcMessage, Message, RestMessage
from model_server.graph.verbs import Verb
from model_server.graph.wrapper import bodies, row_wise
from model_server.graph.wrapper.calls import Wrapped

MAX_FEEDBACK_VALUES: Final = 500_000
"""Of feedback over REST. It becomes protobuf, whatever the component, at 3 to 25 us a value: a body full of them would
keep a component busy for minutes."""


def row_wise_verbs(wrapped: Wrapped) -> tuple[Verb, ...]:
    """For which of them it declares that the rows of several requests may come in one call."""
    return tuple(verb for verb in Verb if row_wise.is_row_wise(wrapped, verb))


def answer(wrapped: Wrapped, verb: Verb, message: Message, max_rows: int, passes_through: bool = False) -> Message:
    """Errors: GraphError."""
    if isinstance(message, GrpcMessage):
        proto = _proto_of(verb, message)
        return GrpcMessage(wrapped.answer_proto(verb, _within(proto, max_rows)).SerializeToString())
    if passes_through and verb is Verb.PREDICT:
        told = wrapped.answer_bytes(bodies.undecoded(message.body, message.content_type))
        return (
            RestMessage(told.encode() if isinstance(told, str) else told)
            if isinstance(told, bytes | str)
            else _rest(told)
        )
    if verb is Verb.SEND_FEEDBACK:
        _require_few_values(message.body)
    return _rest(wrapped.answer_tree(verb, _within(message.tree(), max_rows)))


def answer_many(
    wrapped: Wrapped, verb: Verb, max_rows: int, messages: Sequence[Message]
) -> list[Message | BaseException]:
    """As `answer`, for callers that must not notice each other; `messages` may come from both doors."""
    answers: list[Message | BaseException] = []
    readable: list[Any] = []
    places: list[int] = []
    for i, message in enumerate(messages):
        try:
            readable.append(_shared_within(message, max_rows))
            places.append(i)
            answers.append(message)  # until its answer is there
        except GraphError as error:
            answers.append(error)
    stays = row_wise.has_many(wrapped, verb)
    for i, told in zip(places, row_wise.answer_many(wrapped, verb, readable), strict=True):
        try:
            answers[i] = told if isinstance(told, BaseException) else _message(told, stays=stays)
        except GraphError as error:
            answers[i] = error
    return answers


def rows_of(message: Message) -> int:
    """How many rows a message holds; 1 where that cannot be said. Looked at once, and then known of the message."""
    if message.n_rows is None:
        try:
            message.n_rows = row_wise.rows_of(_shared(message))
        except Exception:  # noqa: BLE001 -- what is wrong with it is told when it is answered
            message.n_rows = 1
    return message.n_rows


def bytes_of(message: Message) -> int:
    """How large a message is; more than anybody takes where another component made it, and it has no bytes yet."""
    return message.n_bytes


def aggregate(wrapped: Wrapped, messages: Sequence[Message], max_rows: int) -> Message:
    """Errors: GraphError."""
    if isinstance(messages[0], GrpcMessage):
        classes = protos.for_user_code()
        together = classes.SeldonMessageList()
        for each in messages:
            if isinstance(each, GrpcMessage):
                together.seldonMessages.append(_proto_of(Verb.PREDICT, each))
        return GrpcMessage(wrapped.answer_proto(Verb.AGGREGATE, together).SerializeToString())
    trees = [_within(each.tree(), max_rows) for each in messages if isinstance(each, RestMessage)]
    return _rest(wrapped.answer_tree(Verb.AGGREGATE, trees))


def health(wrapped: Wrapped) -> Message:
    """Errors: GraphError."""
    return _rest(wrapped.health())


def _message(told: Any, *, stays: bool) -> Message:
    """`stays`: a class that answers many promises not to change its answers; so they need not be encoded at once, and
    where another component takes trees, not at all.
    """
    if type(told) is not dict and hasattr(told, "SerializeToString"):
        return GrpcMessage(told.SerializeToString())
    return RestMessage.of_tree(told) if stays else _rest(told)


def _rest(tree: Any) -> RestMessage:
    """Encoded at once: what a user's object returned may be changed by it later. Errors: WrapperError."""
    return RestMessage(bodies.encode(tree))


def _proto_of(verb: Verb, message: GrpcMessage) -> Any:
    classes = protos.for_user_code()
    match verb:
        case Verb.SEND_FEEDBACK:
            wanted = classes.Feedback
        case Verb.AGGREGATE:
            wanted = classes.SeldonMessageList
        case _:
            wanted = classes.SeldonMessage
    return message.proto(wanted)


def _shared(message: Message) -> Any:
    """What a row-wise verb takes, for looking at only. Errors: GraphError."""
    if isinstance(message, RestMessage):
        return message.shared_tree()
    return message.shared_proto(protos.for_user_code().SeldonMessage)


def _require_few_values(body: bytes) -> None:
    n_values = sum(map(body.count, (b",", b"[", b"{")))
    if n_values > MAX_FEEDBACK_VALUES:
        raise TooLarge(
            f"the feedback holds about {n_values:,} values; at most {MAX_FEEDBACK_VALUES:,} are taken: send that of "
            "fewer rows in a request"
        )


def _shared_within(message: Message, max_rows: int) -> Any:
    payload = _shared(message)
    _require_at_most(max_rows, rows_of(message))
    return payload


def _within(payload: Any, max_rows: int) -> Any:
    _require_at_most(max_rows, row_wise.rows_of(payload))
    return payload


def _require_at_most(max_rows: int, rows: int) -> None:
    if rows > max_rows:
        raise TooLarge(f"{rows:,} rows; a request holds at most {max_rows:,}")
