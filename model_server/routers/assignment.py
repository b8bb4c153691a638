"""Which arm a key belongs to: weighted rendezvous hashing. Pure, and easy to do again elsewhere.

    u(arm) = (b + 1/2) / 2**52, where b is the first 52 bits of BLAKE2b-64("experiment|arm|key"), as UTF-8
    the key belongs to the arm with the smallest -ln(u) / weight; an arm of weight 0 is out

A key moves from one arm to another only where the other's weight has grown in proportion to its own. So if one arm
grows at the cost of the rest in their proportion, keys move into it alone; if it shrinks so, out of it alone; and with
two arms that is every change. (No rule that knows only today's weights can promise more for three: let halves go from
A and B to A and C, then to B and C, then back to A and B. If nobody ever left an arm that had not shrunk, A and B would
have changed places in the end.)
Source: Schindelhauer and Schomaker, Weighted Distributed Hash Tables (2005); Thaler and Ravishankar (1998).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from hashlib import blake2b
from typing import Final

_BITS: Final = 52
_STEPS: Final = float(2**_BITS)


def arm_of(key: str, experiment: str, weights: Mapping[str, float]) -> str:
    """The arm, among those of `weights` above 0, of which there is one at least."""
    return min(
        (arm for arm, weight in weights.items() if weight > 0),
        key=lambda arm: -math.log(uniform(experiment, arm, key)) / weights[arm],
    )


def uniform(experiment: str, arm: str, key: str) -> float:
    """A number above 0 and below 1 that belongs to these three texts."""
    # Half of a surrogate pair, which JSON can hold, is no UTF-8, and a key all the same.
    text = f"{experiment}|{arm}|{key}".encode(errors="surrogatepass")
    bits = int.from_bytes(blake2b(text, digest_size=8).digest()) >> (64 - _BITS)
    return (bits + 0.5) / _STEPS
