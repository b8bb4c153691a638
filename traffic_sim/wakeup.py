"""Waking up on time, to about a tenth of a millisecond.

asyncio rounds every timeout up to whole milliseconds (epoll takes no less), which at 500 requests a second would be a
quarter of the gap between two of them, counted into every latency. On Linux a timerfd wakes the loop instead; elsewhere
the loop's own timer has to do.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import sys
import time
from types import TracebackType
from typing import Final, Self

_CLOCK_MONOTONIC: Final = 1
_TFD_NONBLOCK: Final = os.O_NONBLOCK if hasattr(os, "O_NONBLOCK") else 0
_TFD_TIMER_ABSTIME: Final = 1


class _Timespec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _Itimerspec(ctypes.Structure):
    _fields_ = (("interval", _Timespec), ("value", _Timespec))


class Alarm:
    """Wakes one task at a time at a moment of `time.monotonic()`."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiter: asyncio.Future[None] | None = None
        self._libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
        self._fd = -1
        if self._libc is not None:
            self._fd = self._libc.timerfd_create(_CLOCK_MONOTONIC, _TFD_NONBLOCK | os.O_CLOEXEC)
        if self._fd >= 0:
            self._loop.add_reader(self._fd, self._ring)
        self._setting = _Itimerspec(_Timespec(0, 0), _Timespec(0, 0))
        self._setting_pointer = ctypes.byref(self._setting)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._fd >= 0:
            self._loop.remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1

    async def until(self, moment: float) -> None:
        """Return at `moment`, in seconds of `time.monotonic()`; at once if it is past."""
        if self._fd < 0 or self._libc is None:
            await asyncio.sleep(moment - time.monotonic())
            return
        nanoseconds = round(moment * 1e9)
        if nanoseconds <= time.monotonic_ns():
            return
        at = self._setting.value
        at.seconds, at.nanoseconds = divmod(nanoseconds, 1_000_000_000)
        self._waiter = self._loop.create_future()
        if self._libc.timerfd_settime(self._fd, _TFD_TIMER_ABSTIME, self._setting_pointer, None):
            raise OSError(ctypes.get_errno(), "timerfd_settime")
        await self._waiter

    def _ring(self) -> None:
        try:
            os.read(self._fd, 8)
        except BlockingIOError:  # set anew between the wake-up and this call
            return
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
