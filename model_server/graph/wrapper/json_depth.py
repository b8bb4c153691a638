"""How deep a text nests its lists and objects, told from its bytes: to walk the tree takes as long as to read it."""

from __future__ import annotations

import json
from typing import Final

import numpy as np

_IRRELEVANT: Final = bytes(byte for byte in range(256) if byte not in b'[{]}"')
_STEPS: Final = np.array([(byte in b"[{") - (byte in b"]}") for byte in range(256)], dtype=np.int8)
_QUOTE: Final = ord('"')


def is_deeper_than(limit: int, source: str | bytes) -> bool:
    if isinstance(source, str):
        n_opened = source.count("[") + source.count("{")
    else:
        n_opened = source.count(b"[") + source.count(b"{")
    return n_opened > limit and depth_of(source) > limit


def depth_of(source: str | bytes) -> int:
    """Of a text that has been read as JSON: 0 for a number, 1 for a flat list."""
    if isinstance(source, bytes) and b"\x00" in source:  # UTF-16 or UTF-32
        source = source.decode(json.detect_encoding(source), "surrogatepass")
    if isinstance(source, str):
        source = source.encode(errors="surrogatepass")
    if b"\\" in source:
        source = source.replace(b"\\\\", b"").replace(b'\\"', b"")  # in this order, as a reader would
    marks = np.frombuffer(source.translate(None, _IRRELEVANT), np.uint8)
    if len(marks) == 0:
        return 0
    is_within_text = np.cumsum(marks == _QUOTE) % 2
    depths = np.cumsum(np.where(is_within_text, 0, _STEPS[marks]))
    return int(depths.max())
