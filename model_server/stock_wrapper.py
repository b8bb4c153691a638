"""The shell that faces the stock `seldon-core-microservice`.

Our errors become its answers. The wrapper lets a class bring a Flask blueprint, so REST needs no more than that. For
gRPC it has no such place and answers every error with UNKNOWN; there its servicer's methods are wrapped. And it tells
another process of every request's custom metrics, also when there are none; counters are added up here first. Both
changes are made once, if the wrapper is what runs us; nothing of it is imported or changed anywhere else.
"""

from __future__ import annotations

import functools
import json
import logging
import sys
import threading
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final

from model_server.errors import CallersFault, ComeBackLater

logger = logging.getLogger(__name__)

MAX_BODY_BYTES: Final = 16 * 1024 * 1024
"""Of a REST request. 10,000 rows are about 2 MB; gRPC has a limit of its own, 4 MiB by default."""
COUNTER_SECONDS: Final = 1.0
"""How late a counter may be; Prometheus looks every 15 s."""
MAX_GRPC_DETAILS_CHARACTERS: Final = 2_000
"""gRPC sends details as a header; clients refuse headers beyond 8 KiB."""


def error_blueprint() -> Any:
    """A Flask blueprint that answers a caller's fault with its HTTP status and a Seldon status object."""
    import flask  # noqa: PLC0415  (the wrapper brings it; a server without the wrapper need not)
    from werkzeug.exceptions import HTTPException, UnsupportedMediaType  # noqa: PLC0415

    blueprint = flask.Blueprint("install_model_errors", __name__)

    def answer(http_status: int, message: str, reason: str = "MICROSERVICE_BAD_DATA") -> Any:
        logger.info("refused with %d: %s", http_status, message)
        status = {"code": http_status, "info": message, "reason": reason, "status": "FAILURE"}
        return flask.jsonify({"status": status}), http_status

    @blueprint.record_once
    def limit_body(state: Any) -> None:
        state.app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES

    @blueprint.before_app_request
    def refuse_unreadable_forms() -> Any:
        """The wrapper reads JSON from forms and queries too (its own tester sends it so), and fails on other text."""
        if flask.request.mimetype == "multipart/form-data":
            return answer(
                HTTPStatus.BAD_REQUEST, "the Content-Type is multipart/form-data; application/json is expected"
            )
        for text in (flask.request.form.get("json"), flask.request.args.get("json")):
            try:
                json.loads(text or "null")
            except ValueError as error:
                return answer(HTTPStatus.BAD_REQUEST, f"the form field json holds no JSON: {error}")
        return None

    @blueprint.app_errorhandler(CallersFault)
    def callers_fault(error: CallersFault) -> Any:
        return answer(error.http_status, error.message)

    @blueprint.app_errorhandler(ComeBackLater)
    def come_back_later(error: ComeBackLater) -> Any:
        return answer(error.http_status, error.message, "MICROSERVICE_UNAVAILABLE")

    @blueprint.app_errorhandler(UnsupportedMediaType)
    def wrong_content_type(_: Any) -> Any:
        seen = flask.request.content_type or "missing"
        return answer(HTTPStatus.BAD_REQUEST, f"the Content-Type is {seen}; application/json is expected")

    @blueprint.app_errorhandler(HTTPException)
    def http_error(error: Any) -> Any:
        return answer(error.code, error.description)

    @blueprint.app_errorhandler(RecursionError)
    def too_deep(_: RecursionError) -> Any:
        return answer(HTTPStatus.BAD_REQUEST, "the JSON is nested too deep")

    return blueprint


def adapt() -> None:
    """If the stock wrapper runs us: the right gRPC codes for our errors, and no news of no metrics."""
    wrapper = sys.modules.get("seldon_core.wrapper")
    if wrapper is None:
        return
    for name in ("Predict", "TransformInput", "Route", "SendFeedback"):
        _replace_once(wrapper.SeldonModelGRPC, name, _with_status_code)
    _replace_once(sys.modules["seldon_core.metrics"].SeldonMetrics, "update", _added_up)


def _replace_once(owner: Any, name: str, change: Callable[[Any], Any]) -> None:
    method = getattr(owner, name)
    if not hasattr(method, "__wrapped__"):
        setattr(owner, name, change(method))


def _added_up(update: Callable[[Any, Any, Any], None]) -> Callable[[Any, Any, Any], None]:
    """`SeldonMetrics.update`, told once in COUNTER_SECONDS what was counted in between.

    Each call of the original asks another process for a lock and all of the state, and sends the state back, also
    with nothing to add. Sampled under load (250 requests/s of 10 rows, one worker), it took 35 % of the worker;
    and two threads that do it at once lose one of their additions.
    """

    @functools.wraps(update)
    def count(seldon_metrics: Any, custom_metrics: list[dict[str, Any]], method: str) -> None:
        if all(metric.get("type", "COUNTER") == "COUNTER" for metric in custom_metrics):
            counters.add(seldon_metrics, custom_metrics, method)
        else:
            update(seldon_metrics, custom_metrics, method)

    counters = _Counters(update)
    return count


class _Counters:
    """Sums of counters that have not been told yet; of one process, since workers are forked before they count."""

    def __init__(self, tell: Callable[[Any, Any, Any], None]) -> None:
        self._tell = tell
        self._lock = threading.Lock()
        self._sums: dict[tuple[str, str, tuple[tuple[str, str], ...]], float] = {}

    def add(self, seldon_metrics: Any, counters: list[dict[str, Any]], method: str) -> None:
        with self._lock:
            is_first = not self._sums
            for counter in counters:
                key = (method, counter["key"], tuple(sorted(counter.get("tags", {}).items())))
                self._sums[key] = self._sums.get(key, 0) + counter["value"]
            if is_first and self._sums:
                timer = threading.Timer(COUNTER_SECONDS, self._tell_all, [seldon_metrics])
                timer.daemon = True
                timer.start()

    def _tell_all(self, seldon_metrics: Any) -> None:
        with self._lock:
            sums, self._sums = self._sums, {}
        for method in {method for method, _, _ in sums}:
            counters = [
                {"type": "COUNTER", "key": key, "value": value, "tags": dict(tags)}
                for (of, key, tags), value in sums.items()
                if of == method
            ]
            self._tell(seldon_metrics, counters, method)


def _with_status_code(method: Callable[[Any, Any, Any], Any]) -> Callable[[Any, Any, Any], Any]:
    import grpc  # noqa: PLC0415  (as above)

    @functools.wraps(method)
    def answer(servicer: Any, request: Any, context: Any) -> Any:
        try:
            return method(servicer, request, context)
        except CallersFault as error:
            logger.info("refused with INVALID_ARGUMENT: %s", error.message)
            return context.abort(grpc.StatusCode.INVALID_ARGUMENT, error.message[:MAX_GRPC_DETAILS_CHARACTERS])
        except ComeBackLater as error:
            logger.info("refused with UNAVAILABLE: %s", error.message)
            return context.abort(grpc.StatusCode.UNAVAILABLE, error.message[:MAX_GRPC_DETAILS_CHARACTERS])

    return answer
