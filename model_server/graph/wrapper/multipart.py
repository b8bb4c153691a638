"""Multipart forms: bytes in, fields and files out. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from model_server.graph.errors import WrapperError

if TYPE_CHECKING:  # declared for type checkers only
    from python_multipart.multipart import MultipartCallbacks

MAX_PARTS: Final = 1_000
"""Werkzeug's limit."""


@dataclass
class _Part:
    headers: dict[bytes, bytes] = field(default_factory=dict)
    header_name: bytes = b""
    header_value: bytes = b""
    content: list[bytes] = field(default_factory=list)


class _Reader:
    """Collects what the parser finds."""

    def __init__(self) -> None:
        self.parts: list[_Part] = []
        self.is_complete = False

    def callbacks(self) -> MultipartCallbacks:
        return {
            "on_part_begin": self.on_part_begin,
            "on_header_field": self.on_header_field,
            "on_header_value": self.on_header_value,
            "on_header_end": self.on_header_end,
            "on_part_data": self.on_part_data,
            "on_end": self.on_end,
        }

    def on_part_begin(self) -> None:
        if len(self.parts) == MAX_PARTS:
            raise WrapperError(f"the form has more than {MAX_PARTS:,} parts", http_status=413)
        self.parts.append(_Part())

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self.parts[-1].header_name += data[start:end]

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self.parts[-1].header_value += data[start:end]

    def on_header_end(self) -> None:
        part = self.parts[-1]
        part.headers[part.header_name.lower()] = part.header_value
        part.header_name = part.header_value = b""

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        self.parts[-1].content.append(data[start:end])

    def on_end(self) -> None:
        self.is_complete = True


def read(body: bytes, content_type: str) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Fields and files, each name's first. A part with a file name is a file.

    Errors: WrapperError, 400 where it is no such form, 413 where it has too many parts.
    """
    reader = _Reader()
    try:
        boundary = parse_options_header(content_type)[1].get(b"boundary")
        if not boundary:
            raise WrapperError("the Content-Type multipart/form-data names no boundary")
        parser = MultipartParser(boundary, reader.callbacks())
        parser.write(body)
        parser.finalize()
        dispositions = [_disposition(part) for part in reader.parts]
    except (FormParserError, ValueError) as error:
        raise WrapperError(f"the multipart form cannot be read: {error}") from error
    if not reader.is_complete:
        raise WrapperError("the multipart form is cut short: its last boundary is missing")
    fields: dict[str, bytes] = {}
    files: dict[str, bytes] = {}
    for part, (name, is_file) in zip(reader.parts, dispositions, strict=True):
        (files if is_file else fields).setdefault(name, b"".join(part.content))
    return fields, files


def _disposition(part: _Part) -> tuple[str, bool]:
    kind, options = parse_options_header(part.headers.get(b"content-disposition", b"").decode("latin-1"))
    if kind != b"form-data" or b"name" not in options:
        raise WrapperError("a part of the multipart form has no Content-Disposition: form-data with a name")
    return options[b"name"].decode(errors="replace"), b"filename" in options
