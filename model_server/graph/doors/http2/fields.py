"""Header fields: read from HPACK blocks by `hpack`, written as literals that no table need remember.

A client repeats itself: once its table knows a method's fields, each call's block is the same few bytes. What a block
meant is remembered as long as the table does not change, which is what makes the library's 20 us none.
Source: RFC 7541.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from hpack import Decoder
from hpack.table import HeaderTable

from model_server.graph.base128 import base128
from model_server.graph.doors.http2.errors import Broken, Code

type Fields = list[tuple[bytes, bytes]]

MAX_BLOCK_BYTES: Final = 128 * 1024
"""Of a block as it travels. More ends the connection: what is not decoded leaves the table in disorder."""
MAX_DECODED_BYTES: Final = 256 * 1024
"""Of its fields, each with 32 bytes more, as the RFC counts them: a block of a few bytes can repeat a long field."""
MAX_REMEMBERED: Final = 64
MAX_REMEMBERED_BYTES: Final = 1024

SETS_SIZE: Final = 0x20
"""The first three bits of a block that begins by saying how large the table is to be."""
SHRINK_TABLE: Final = bytes((SETS_SIZE,))
"""At the beginning of a block: no table is kept. Due once after the peer has asked for a smaller one."""


class _Table(HeaderTable):
    """Knows how often it has changed."""

    n_changes = 0

    def add(self, name: bytes, value: bytes) -> None:
        self.n_changes += 1
        super().add(name, value)


class FieldReader[Meaning]:
    """Of one connection. `meaning_of` makes of fields what is wanted of them; its errors are not remembered."""

    def __init__(self, meaning_of: Callable[[Fields], Meaning]) -> None:
        self._meaning_of = meaning_of
        self._decoder = Decoder(MAX_DECODED_BYTES)
        self._decoder.header_table = self._table = _Table()
        self._remembered: dict[bytes, Meaning] = {}
        self._remembered_of = 0

    def read(self, block: bytes) -> Meaning:
        """Errors: Broken where the block is none, and those of `meaning_of`."""
        if self._remembered_of == self._table.n_changes:
            known = self._remembered.get(block)
            if known is not None:
                return known
        return self._learnt(block)

    def skip(self, block: bytes) -> None:
        """Of fields that nobody wants, such as trailers. Errors: Broken."""
        self._decoded(block)

    def _learnt(self, block: bytes) -> Meaning:
        before = self._table.n_changes
        fields = self._decoded(block)
        now = self._table.n_changes
        if self._remembered_of != now or len(self._remembered) >= MAX_REMEMBERED:
            self._remembered.clear()
            self._remembered_of = now
        meaning = self._meaning_of(fields)
        if before == now and len(block) <= MAX_REMEMBERED_BYTES:
            self._remembered[block] = meaning
        return meaning

    def _decoded(self, block: bytes) -> Fields:
        if block[:1] and block[0] & 0xE0 == SETS_SIZE:  # which may drop fields
            self._table.n_changes += 1
        try:
            return self._decoder.decode(block, raw=True)  # type: ignore[return-value]
        except Exception as error:  # whatever the library says of garbage, the table cannot be relied on after it
            raise Broken(Code.COMPRESSION_ERROR, f"a header block cannot be read: {error}") from error


def literal(name: bytes, value: bytes) -> bytes:
    """A field as it stands, not to be remembered."""
    return b"\x00" + _string(name) + _string(value)


def _string(text: bytes) -> bytes:
    n_bytes = len(text)
    return (bytes((n_bytes,)) if n_bytes < 0x7F else b"\x7f" + base128(n_bytes - 0x7F)) + text
