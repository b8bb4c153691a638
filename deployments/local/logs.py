"""The log files of a runtime: a line goes in as a program writes it, and can be read while it grows."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from io import TextIOWrapper
from pathlib import Path
from typing import Final

from deployments.local.errors import UnknownProgram

LARGEST_FILE_BYTES: Final = 20 * 2**20
"""At this size a file is set aside as `<name>.log.1`; so a log takes twice as much at most."""


class LogFile:
    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = _open(path)

    def write(self, line: str) -> None:
        if self._file.tell() > LARGEST_FILE_BYTES:
            self._file.close()
            os.replace(self.path, f"{self.path}.1")  # noqa: PTH105
            self._file = _open(self.path)
        self._file.write(f"{line}\n")
        self._file.flush()

    def close(self) -> None:
        self._file.close()

    def last_lines(self, count: int) -> list[str]:
        return last_lines(self.path, count)


def last_lines(path: Path, count: int) -> list[str]:
    """The end of a log; nothing where there is none."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 400 * count))
            return file.read().decode(errors="replace").splitlines()[-count:]
    except FileNotFoundError:
        return []


def follow(path: Path, pause_seconds: float = 0.2) -> Iterator[str]:
    """Every line that is written from now on, also after the file was set aside. Ends only with its consumer."""
    file = path.open(errors="replace")
    file.seek(0, os.SEEK_END)
    unfinished = ""
    try:
        while True:
            unfinished += file.read()
            *lines, unfinished = unfinished.split("\n")
            yield from lines
            if lines:
                continue
            if path.exists() and path.stat().st_ino != os.fstat(file.fileno()).st_ino:
                file.close()
                file = path.open(errors="replace")
            else:
                time.sleep(pause_seconds)
    finally:
        file.close()


def _open(path: Path) -> TextIOWrapper:
    return path.open("a", encoding="utf-8", errors="replace")


def files_of(folder: Path, asked: str | None) -> dict[str, Path]:
    """The logs by name: all of a runtime's programs, or of those that a name means.

    A predictor's name means all of its programs, `predictor.node` or a node's name that component's own wrapper.
    Errors: UnknownProgram, with the names that there are.
    """
    files = {file.stem: file for file in sorted(folder.glob("*.log"))}
    if asked is None:
        if not files:
            raise UnknownProgram(f"there are no logs in {folder}; nothing has run here yet")
        return files
    meant = {name: file for name, file in files.items() if _means(asked, name)}
    if not meant:
        raise UnknownProgram(f"no log of {asked} in {folder}; there are: {', '.join(files) or 'none'}")
    return meant


def _means(asked: str, program: str) -> bool:
    server, _, node = program.partition(".")
    return node == asked or any(name == asked or name.endswith(f"-{asked}") for name in (server, program))
