"""The part of a Kubernetes pod that we read; the rest passes through as it stands. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from types import NoneType
from typing import Annotated, Any, Union, get_args

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, GetPydanticSchema
from pydantic.alias_generators import to_camel
from pydantic_core import CoreSchema


def _without_null(annotation: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
    kinds = tuple(kind for kind in get_args(annotation) if kind is not NoneType)
    return handler(Union[kinds])  # noqa: UP007 -- the kinds are known at run time only


type Absent[T] = Annotated[T | None, GetPydanticSchema(_without_null)]
"""A value that may be left out, and then is None. A written null is refused, as the API server refuses it."""

type Int32 = Annotated[int, Field(ge=-(2**31), lt=2**31)]


class Open(BaseModel):
    """A level that we do not own: fields that we do not read are kept."""

    model_config = ConfigDict(frozen=True, strict=True, extra="allow", alias_generator=to_camel, populate_by_name=True)


class ObjectMeta(Open):
    name: Absent[str] = None
    namespace: Absent[str] = None
    labels: Mapping[str, str] = {}
    annotations: Mapping[str, str] = {}


class EnvVar(Open):
    name: str
    value: Absent[str] = None
    """None where it is absent or comes from elsewhere (`valueFrom`)."""


class ContainerPort(Open):
    name: Absent[str] = None
    container_port: Int32


class Container(Open):
    name: str
    image: Absent[str] = None
    env: tuple[EnvVar, ...] = ()
    ports: tuple[ContainerPort, ...] = ()

    def port(self, name: str) -> int | None:
        """The number of the first port of that name."""
        return next((port.container_port for port in self.ports if port.name == name), None)


class PodSpec(Open):
    containers: tuple[Container, ...]
