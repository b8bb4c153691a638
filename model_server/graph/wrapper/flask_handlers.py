"""A class may bring a Flask blueprint, `model_error_handler`, that answers its own exceptions over REST.

Where Flask is there, the blueprint is asked on an application of its own that serves nothing. It is touched only once
an exception has come that nobody else here has an answer for: making it may import Flask.
"""

from __future__ import annotations

import importlib.util
import logging
from functools import cached_property
from http import HTTPStatus
from typing import Any

from model_server.graph.wrapper.stock_types import microservice_exception

logger = logging.getLogger(__name__)

ATTRIBUTE = "model_error_handler"


class FlaskHandlers:
    def __init__(self, instance: Any) -> None:
        self._instance = instance

    def answer(self, error: Exception, path: str) -> tuple[int, bytes] | None:
        """Status and body; None where the blueprint has no handler for this exception, or there is no blueprint."""
        try:
            if self._application is None:
                return None
            with self._application.test_request_context(path, method="POST"):
                told = self._application.handle_user_exception(error)
                if told is _UNHANDLED:
                    return None
                response = self._application.make_response(told)
                return response.status_code, response.get_data()
        except Exception:
            logger.exception("%s of %s failed", ATTRIBUTE, type(self._instance).__name__)
            return None

    @cached_property
    def _application(self) -> Any:
        if importlib.util.find_spec("flask") is None or not hasattr(self._instance, ATTRIBUTE):
            return None
        import flask  # noqa: PLC0415  (the class brings it, or does without)

        application = flask.Flask(__name__)
        application.register_blueprint(getattr(self._instance, ATTRIBUTE))
        # Seldon's wrapper registers its own after the blueprint's; here these show where those would have answered.
        for kind in (Exception, microservice_exception()):
            if kind is not None:
                application.register_error_handler(kind, lambda _: _UNHANDLED)
        return application


_UNHANDLED: Any = ("", HTTPStatus.INTERNAL_SERVER_ERROR)
