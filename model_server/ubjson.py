"""Whether bytes are one whole UBJSON object, which is how XGBoost writes its models. Pure.

XGBoost reads beyond the end of a model that was cut short, and at times the process ends for it: so it is given whole
ones only. What the values mean, and whether one of them was changed, is not looked at here.

Source: ubjson.org; of its optimised containers, those that XGBoost writes: `[#LENGTH` and `[$NUMBER#LENGTH`.
"""

from __future__ import annotations

from typing import Final

_BYTES_OF_A: Final = {
    **dict.fromkeys((b"T", b"F", b"Z", b"N"), 0),
    **dict.fromkeys((b"i", b"U", b"C"), 1),
    **dict.fromkeys((b"l", b"d"), 4),
    **dict.fromkeys((b"L", b"D"), 8),
    b"I": 2,
}
"""What follows the mark of a value of fixed size."""
_INTEGERS: Final = frozenset((b"i", b"U", b"I", b"l", b"L"))
_OBJECT: Final = -1
_ARRAY: Final = -2


class NotWhole(ValueError):
    """The bytes end early, go on behind the object's end, or are no UBJSON."""


def require_whole(content: bytes) -> None:
    """Errors: NotWhole, saying at which byte."""
    if content[:1] != b"{":
        raise NotWhole("it does not begin with an object")
    at = 1
    within = [_OBJECT]  # what is open, from outside in; an array of told length as the number of values to come
    while within:
        mark = content[at : at + 1]
        if within[-1] == 0:
            within.pop()
        elif (within[-1] == _OBJECT and mark == b"}") or (within[-1] == _ARRAY and mark == b"]"):
            within.pop()
            at += 1
        else:
            if within[-1] == _OBJECT:
                at = _after_text(content, at)  # the key
            elif within[-1] > 0:
                within[-1] -= 1
            at = _after_value(content, at, within)
        if at > len(content):
            raise NotWhole(f"it ends at byte {len(content):,}, in the middle of a value")
    if at != len(content):
        raise NotWhole(f"its object ends at byte {at:,}, the file at byte {len(content):,}")


def _after_value(content: bytes, at: int, within: list[int]) -> int:
    """Where the value at `at` ends; or, where it is an object or an array, where what is in it begins."""
    mark, following = content[at : at + 1], content[at + 1 : at + 2]
    if mark in _BYTES_OF_A:
        return at + 1 + _BYTES_OF_A[mark]
    if mark == b"S":
        return _after_text(content, at + 1)
    if mark == b"[" and following == b"$":
        size_bytes = _BYTES_OF_A.get(content[at + 2 : at + 3])
        if size_bytes is None or content[at + 3 : at + 4] != b"#":
            raise NotWhole(f"there is no array of numbers at byte {at:,}")
        length, at = _length(content, at + 4)
        return at + length * size_bytes
    if mark == b"[" and following == b"#":
        length, at = _length(content, at + 2)
        within.append(length)
        return at
    if mark in {b"{", b"["}:
        within.append(_OBJECT if mark == b"{" else _ARRAY)
        return at + 1
    raise NotWhole(f"there is no value at byte {at:,}")


def _after_text(content: bytes, at: int) -> int:
    length, at = _length(content, at)
    return at + length


def _length(content: bytes, at: int) -> tuple[int, int]:
    """A length, and where it ends."""
    mark = content[at : at + 1]
    if mark not in _INTEGERS:
        raise NotWhole(f"there is no length at byte {at:,}")
    end = at + 1 + _BYTES_OF_A[mark]
    length = int.from_bytes(content[at + 1 : end], "big", signed=mark != b"U")
    if length < 0 or end > len(content):
        raise NotWhole(f"there is no length at byte {at:,}")
    return length, end
