"""An exception out of a user's code -> what the caller is told. The one place where theirs become ours."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

from model_server.errors import CallersFault, ComeBackLater
from model_server.graph.errors import (
    WRAPPER_BAD_DATA,
    WRAPPER_INTERNAL_ERROR,
    WRAPPER_UNAVAILABLE,
    ComponentAnsweredWithError,
    GraphError,
    WrapperError,
)
from model_server.graph.wrapper import bodies
from model_server.graph.wrapper.flask_handlers import FlaskHandlers
from model_server.graph.wrapper.stock_types import is_microservice_exception, is_not_implemented

logger = logging.getLogger(__name__)


class Failures:
    def __init__(self, instance: Any) -> None:
        self._name = type(instance).__name__
        self._handlers = FlaskHandlers(instance)

    def told(self, error: Exception, path: str | None) -> GraphError:
        """`path`: of the REST call, None for gRPC, where blueprints have no say."""
        found = self._found(error, path)
        if found.http_status < HTTPStatus.INTERNAL_SERVER_ERROR:
            logger.info("%s refused with %d: %s", self._name, found.http_status, found.message)
        else:
            logger.error("%s failed: %s", self._name, found.message, exc_info=error)
        if found is not error:
            found.__cause__ = error
        return found

    def _found(self, error: Exception, path: str | None) -> GraphError:
        if isinstance(error, GraphError):
            return error
        if isinstance(error, CallersFault | ComeBackLater):
            is_callers = isinstance(error, CallersFault)
            status = {
                "code": error.http_status,
                "info": error.message,
                "reason": WRAPPER_BAD_DATA if is_callers else WRAPPER_UNAVAILABLE,
                "status": "FAILURE",
            }
            code = None if is_callers else "UNAVAILABLE"
            return WrapperError(error.message, http_status=error.http_status, status=status, code=code)
        handled = None if path is None else self._handlers.answer(error, path)
        if handled is not None:
            http_status, body = handled
            return ComponentAnsweredWithError(str(error), http_status=http_status, body=body)
        if is_microservice_exception(error):
            return _of_microservice_exception(error)
        return WrapperError(str(error), http_status=500, reason=WRAPPER_INTERNAL_ERROR)


def _of_microservice_exception(error: Any) -> WrapperError:
    """A SeldonMicroserviceException: the class's own choice of status."""
    status = error.to_dict().get("status")
    return WrapperError(
        str(error.message),
        http_status=_http_status(error.status_code),
        reason=error.reason,
        status=status if isinstance(status, dict) else None,
        # What a SeldonComponent says it lacks, no caller can mend, for all that it is told with HTTP 400.
        code="UNKNOWN" if is_not_implemented(error) else None,
    )


def require_success(answer: Any) -> None:
    """An answer to predict may hold its own HTTP status. Errors: ComponentAnsweredWithError, where it is not 200."""
    status = answer.get("status") if isinstance(answer, dict) else None
    if not isinstance(status, dict) or "code" not in status:
        return
    http_status = _http_status(status["code"])
    if http_status != HTTPStatus.OK:
        told = str(status.get("info", ""))
        raise ComponentAnsweredWithError(told, http_status=http_status, body=bodies.encode(answer))


def _http_status(code: Any) -> int:
    """The code, where it is the status of a final answer."""
    return int(code) if isinstance(code, int) and 200 <= code < 600 else HTTPStatus.INTERNAL_SERVER_ERROR.value
