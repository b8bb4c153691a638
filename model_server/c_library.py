"""The C library in a package's wheel, without its Python package."""

from __future__ import annotations

import ctypes
import importlib.util
import sys
from pathlib import Path
from typing import Final

_FILES: Final = {"win32": "{}.dll", "darwin": "lib{}.dylib"}


def library_of(package: str, last_error: str) -> ctypes.CDLL:
    """lib/lib`package`.so of the package; `last_error` is its function that tells what went wrong.

    Errors: ImportError, where the package is not installed.
    """
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        raise ImportError(f"{package} is not installed", name=package)
    file = _FILES.get(sys.platform, "lib{}.so").format(package)
    library = ctypes.CDLL(str(Path(found.origin).parent / "lib" / file))
    getattr(library, last_error).restype = ctypes.c_char_p
    return library
