"""A user's class: found by its name, made with its parameters, loaded. Whatever fails is told as ComponentBroken."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from model_server.errors import ModelServerError
from model_server.graph.errors import ComponentBroken

TRUE: Final = frozenset({"y", "yes", "t", "true", "on", "1"})
FALSE: Final = frozenset({"n", "no", "f", "false", "off", "0"})
ACCEPTED_TYPES: Final = "INT, FLOAT, DOUBLE, STRING and BOOL"


def load_user_class(name: str) -> Callable[..., Any]:
    """The class NAME: `Module` is `Module.Module`, `package.module.Class` is split at its last dot.

    Errors: ComponentBroken.
    """
    module_name, _, class_name = name.rpartition(".")
    module_name = module_name or class_name
    try:
        module = importlib.import_module(module_name)
    except Exception as error:
        raise ComponentBroken(
            f"{name}: the module {module_name} cannot be imported: {_told(error)}; say MODULE.CLASS (or MODULE, whose "
            "class has its name), and put the module's folder on PYTHONPATH"
        ) from error
    user_class: Callable[..., Any] | None = getattr(module, class_name, None)
    if not callable(user_class):
        classes = sorted(n for n, value in vars(module).items() if isinstance(value, type) and not n.startswith("_"))
        raise ComponentBroken(
            f"{name}: the module {module_name} has no class {class_name}; it has {', '.join(classes) or 'none'}"
        )
    return user_class


def parse_parameters(parameters: Any) -> dict[str, Any]:
    """Keyword arguments of a list of {"name", "value", "type"}, as in PREDICTIVE_UNIT_PARAMETERS.

    Errors: ComponentBroken.
    """
    if not isinstance(parameters, Sequence) or isinstance(parameters, str):
        raise ComponentBroken(f"parameters are a list of objects with name, value and type, not {parameters!r}"[:300])
    return dict(map(_parameter, parameters))


def _parameter(parameter: Any) -> tuple[str, Any]:
    if not isinstance(parameter, Mapping) or not isinstance(parameter.get("name"), str):
        raise ComponentBroken(f"a parameter is an object with name, value and type, not {parameter!r}"[:300])
    name, kind = parameter["name"], parameter.get("type")
    value: Any = parameter.get("value")
    try:
        match kind:
            case "INT":
                return name, int(value)
            case "FLOAT" | "DOUBLE":
                return name, float(value)
            case "STRING":
                return name, str(value)
            case "BOOL":
                return name, _truth(str(value).lower())
    except (TypeError, ValueError) as error:
        raise ComponentBroken(f"the parameter {name} is {value!r}, which is no {kind}") from error
    raise ComponentBroken(f"the parameter {name} has the type {kind!r}; accepted are {ACCEPTED_TYPES}")


def _truth(text: str) -> bool:
    if text not in TRUE | FALSE:
        raise ValueError(text)
    return text in TRUE


def make(user_class: Callable[..., Any], parameters: Mapping[str, Any]) -> Any:
    """The user's object. Errors: ComponentBroken; values are left out of it, since some are secrets."""
    try:
        return user_class(**parameters)
    except Exception as error:
        given = ", ".join(parameters) or "no parameters"
        name = getattr(user_class, "__qualname__", user_class)
        raise ComponentBroken(f"{name} could not be made with {given}: {_told(error)}") from error


def load(user_object: Any) -> None:
    """Call `load()`, if there is one: once a process, before its first request. Errors: ComponentBroken.

    Seldon's wrapper takes an AttributeError out of it for "there is no load()", and serves a model that is half loaded.
    """
    if not hasattr(user_object, "load"):
        return
    try:
        user_object.load()
    except NotImplementedError:
        pass
    except Exception as error:
        raise ComponentBroken(f"{type(user_object).__name__}.load() failed: {_told(error)}") from error


def _told(error: Exception) -> str:
    return error.message if isinstance(error, ModelServerError) else f"{type(error).__name__}: {error}"
