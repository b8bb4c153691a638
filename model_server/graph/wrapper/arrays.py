"""Lists of cells -> numpy arrays, as numpy makes them, but for those that cost out of all proportion. Pure."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from model_server.graph.errors import MessageRefused, WrapperError

MAX_TEXT_ARRAY_BYTES: Final = 256 * 1024 * 1024
"""numpy gives every cell of an array with texts the room of the longest: one long text and many cells, sent in a
megabyte, would take all of a machine's memory."""
MAX_CLAIMED_CELLS: Final = 100_000
"""Of an array that has none: the shape [0, 1000000000] takes no room, and whoever names its columns takes all."""
_BYTES_PER_CHARACTER: Final = 4
_CHARACTERS_OF_A_NUMBER: Final = 32
"""That numpy allows for a number beside texts; beside whole numbers that no int64 holds it keeps pointers."""
_KINDS_OF_TEXT_ARRAYS: Final = frozenset({str, int, float, bool, list})


def array_of(values: list[Any]) -> NDArray[Any]:
    """Errors: WrapperError, 400 where numpy refuses them, 413 where the array would be too large."""
    _refuse_costly_texts(values)
    try:
        return np.array(values)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise MessageRefused(str(error)) from error


def array_of_result(values: list[Any]) -> NDArray[Any] | None:
    """Of a list that a component answered with; None where it makes none, and can only be told as it is."""
    try:
        return array_of(values)
    except WrapperError:
        return None


def reshaped(array: NDArray[Any], shape: Any) -> NDArray[Any]:
    """Errors: WrapperError."""
    try:
        shaped = array.reshape(shape)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise MessageRefused(str(error)) from error
    claimed = math.prod(size for size in shaped.shape if size)
    if shaped.size == 0 and claimed > MAX_CLAIMED_CELLS:
        raise MessageRefused(
            f"the shape {list(shaped.shape)} holds nothing, {claimed:,} times; {MAX_CLAIMED_CELLS:,} times is accepted"
        )
    return shaped


def _refuse_costly_texts(values: list[Any]) -> None:
    n_cells, longest_text, longest_number = 0, 0, 0
    layer: Iterable[Any] = values
    while True:
        cells = list(layer)
        n_cells += len(cells)
        kinds = set(map(type, cells))
        if not kinds <= _KINDS_OF_TEXT_ARRAYS:
            return  # numpy will keep pointers
        if str in kinds:
            longest_here = max(len(cell) for cell in cells if type(cell) is str)
            longest_text = max(longest_text, longest_here)
        if not kinds <= {str, list}:
            longest_number = _CHARACTERS_OF_A_NUMBER
        if list not in kinds:
            break
        layer = itertools.chain.from_iterable(cell for cell in cells if type(cell) is list)
    longest = max(longest_text, longest_number)
    needed = n_cells * longest * _BYTES_PER_CHARACTER
    if longest_text and needed > MAX_TEXT_ARRAY_BYTES:
        raise WrapperError(
            f"{n_cells:,} cells, the longest of {longest:,} characters, are {needed:,} bytes as an array; at most "
            f"{MAX_TEXT_ARRAY_BYTES:,} are accepted: send long texts as jsonData",
            http_status=413,
        )
