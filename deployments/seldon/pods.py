"""The part of a Kubernetes pod that we read; the rest passes through as it stands. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError


def _int_or_string(value: Any) -> int | str:
    if isinstance(value, int | str) and not isinstance(value, bool):
        return value
    raise PydanticCustomError("int_or_string", "neither an integer nor a string")


type Int32 = Annotated[int, Field(ge=-(2**31), lt=2**31)]
type IntOrString = Annotated[Any, AfterValidator(_int_or_string)]
"""Kubernetes' own: a number, or a text such as "10%"."""


class Open(BaseModel):
    """A level that we do not own: fields that we do not read are kept."""

    model_config = ConfigDict(frozen=True, strict=True, extra="allow", alias_generator=to_camel, populate_by_name=True)


class ObjectMeta(Open):
    name: str | None = None
    namespace: str | None = None
    labels: Mapping[str, str] = {}
    annotations: Mapping[str, str] = {}


class EnvVar(Open):
    name: str
    value: str | None = None
    """None where it is absent or comes from elsewhere (`valueFrom`)."""


class ContainerPort(Open):
    name: str | None = None
    container_port: Int32


class Container(Open):
    name: str
    image: str | None = None
    env: tuple[EnvVar, ...] = ()
    ports: tuple[ContainerPort, ...] = ()

    def port(self, name: str) -> int | None:
        """The number of the first port of that name."""
        return next((port.container_port for port in self.ports if port.name == name), None)


class PodSpec(Open):
    containers: tuple[Container, ...]
