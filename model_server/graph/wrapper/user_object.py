"""A user's object, asked as Seldon's wrapper would ask it: which methods, with what, and what it means if one lacks."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Mapping
from enum import Enum
from typing import Any

import numpy as np

from model_server.graph.verbs import Verb
from model_server.graph.wrapper import custom_metrics
from model_server.graph.wrapper.payloads import Asked, components_fault, shown
from model_server.graph.wrapper.stock_types import Result, is_not_implemented, result_of

logger = logging.getLogger(__name__)


class TakesMeta(Enum):
    """Whether a method takes the keyword argument `meta`."""

    NO = 0
    IF_ITS_FUNCTION_DOES = 1
    """It takes any keyword argument, as a decorator's function does, and may pass it on to one that does not."""
    YES = 2
    MUST = 3


class UserObject:
    def __init__(self, instance: Any, path: Mapping[str, str]) -> None:
        """`path`: the component's own entry in meta.requestPath."""
        self.instance = instance
        self.path = path
        self._takes_meta: dict[str, TakesMeta] = {}
        self._warned: set[str] = set()

    def has(self, name: str) -> bool:
        return hasattr(self.instance, name)

    @property
    def never_waits(self) -> bool:
        """Whether it declares that its many-methods compute and do nothing else; see `row_wise`."""
        return getattr(self.instance, "never_waits", False) is True

    def deprecated(self, name: str) -> Any:
        """A method that Seldon has deprecated, and still prefers to every other; None where there is none."""
        method = getattr(self.instance, name, None)
        if method is not None and name not in self._warned:
            self._warned.add(name)
            logger.warning("%s is deprecated, as by Seldon; name it %s_raw", name, name.rpartition("_")[0])
        return method

    def ask(self, verb: Verb, asked: Asked) -> Result:
        """Its predict, transform_input or transform_output; without one, Seldon's own answer."""
        if self.has(verb.method):
            try:
                return result_of(self._call(verb.method, asked))
            except Exception as error:
                if not is_not_implemented(error):
                    raise
        return Result([] if verb is Verb.PREDICT else asked.features, metrics=[])

    def ask_without_meta(self, verb: Verb, features: Any, names: Any) -> Any:
        """What its method returns for many requests' rows at once."""
        return getattr(self.instance, verb.method)(features, names)

    def route(self, asked: Asked) -> Result:
        if not self.has(Verb.ROUTE.method):
            raise components_fault("Route not defined")
        result = result_of(self._call(Verb.ROUTE.method, asked))
        if not isinstance(result.data, int):
            raise components_fault(f"Routing response must be int but got {shown(result.data)}")
        return Result(np.array([[result.data]]), result.tags, result.metrics)

    def aggregate(self, features: list[Any], names: list[Any]) -> Result:
        if not self.has(Verb.AGGREGATE.method):
            raise components_fault("Aggregate not defined")
        return result_of(self.instance.aggregate(features, names))

    def send_feedback(self, features: Any, names: Any, reward: float, truth: Any, routing: int | None) -> Result:
        result = Result(None, metrics=[])
        if self.has(Verb.SEND_FEEDBACK.method):
            try:
                result = result_of(self.instance.send_feedback(features, names, reward, truth, routing=routing))
            except Exception as error:
                if not is_not_implemented(error):
                    raise
        return Result(np.array([]), result.tags, result.metrics) if result.data is None else result

    def health_status(self) -> Any:
        if not self.has("health_status"):
            return "healthy"
        return self._optional("health_status", "not implemented - assuming healthy")

    def tags(self) -> Any:
        return self._optional("tags", None)

    def metrics(self) -> list[dict[str, Any]] | None:
        """Errors: WrapperError where they cannot be counted."""
        told = self._optional("metrics", _ABSENT)
        return None if told is _ABSENT else custom_metrics.checked(told)

    def class_names(self, array: Any) -> Any:
        """Names for the columns of an answer: its own, else t:0, t:1, ...; none for a single column of values."""
        if array.ndim <= 1:
            return []
        if self.has("class_names"):
            if not inspect.ismethod(self.instance.class_names):
                return self.instance.class_names
            told = self._optional("class_names", _ABSENT)
            if told is not _ABSENT:
                return told
        return [f"t:{column}" for column in range(array.shape[1])]

    def takes_meta(self, name: str) -> TakesMeta:
        if name not in self._takes_meta:
            self._takes_meta[name] = _takes_meta(getattr(self.instance, name))
        return self._takes_meta[name]

    def _call(self, name: str, asked: Asked) -> Any:
        """Seldon calls with `meta`, and after any TypeError again without; a method is called once here."""
        method = getattr(self.instance, name)
        takes = self.takes_meta(name)
        if takes is TakesMeta.NO:
            return method(asked.features, asked.names)
        try:
            return method(asked.features, asked.names, meta=asked.meta)
        except TypeError as error:
            if takes is not TakesMeta.IF_ITS_FUNCTION_DOES or "unexpected keyword argument 'meta'" not in str(error):
                raise
        self._takes_meta[name] = TakesMeta.NO
        return method(asked.features, asked.names)

    def _optional(self, name: str, absent: Any) -> Any:
        if not self.has(name):
            return absent
        try:
            return getattr(self.instance, name)()
        except Exception as error:
            if is_not_implemented(error):
                return absent
            raise


_ABSENT = object()


def _takes_meta(method: Any) -> TakesMeta:
    try:
        signatures = [inspect.signature(method, follow_wrapped=follow) for follow in (True, False)]
    except (TypeError, ValueError):  # written in C, without a signature
        return TakesMeta.NO
    return min((_declared(signature) for signature in signatures), key=lambda takes: takes.value)


def _declared(signature: inspect.Signature) -> TakesMeta:
    meta = signature.parameters.get("meta")
    if meta is not None and meta.kind in {inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY}:
        return TakesMeta.MUST if meta.default is inspect.Parameter.empty else TakesMeta.YES
    if any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in signature.parameters.values()):
        return TakesMeta.IF_ITS_FUNCTION_DOES
    return TakesMeta.NO
