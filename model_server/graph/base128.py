"""Whole numbers by seven bits a byte, the least first: protobuf's varints, and what HPACK's prefixes have no room for.

Source: protobuf's encoding, "Base 128 Varints"; RFC 7541, section 5.1.
"""

from __future__ import annotations


def base128(number: int) -> bytes:
    """Of a number from 0."""
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
