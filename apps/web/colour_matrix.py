"""A picture of cells in four colours, for the cameras of the bank's app and tokens (S3-10; decision 0037).

Inside a black frame stand S by S cells, S a multiple of four; each says two bits by its colour. From the inside out:
the cells, a white gap of one cell, the frame of two, a white margin of two. The first row repeats white, red, green,
blue, and the last one green, white, blue, red: a camera learns there how the colours look today, how many cells there
are, and where the top is. The rows between hold, highest bits first, the bytes of Reed-Solomon blocks in turns.

What is in the blocks: a version (``01``), the length (two bytes), the data, a CRC-32 of all of that, bytes ``1b``. Two
fifths of each block are parity, so a fifth of its bytes may be read wrongly. The four colours are as far from one
another as any four can be, and none is dark in all three channels: only the frame is.
"""

import zlib
from functools import lru_cache
from itertools import chain

from reedsolo import RSCodec

VERSION = 1
WHITE, RED, GREEN, BLUE = range(4)
FIRST_ROW, LAST_ROW = (WHITE, RED, GREEN, BLUE), (GREEN, WHITE, BLUE, RED)
SIDES = range(16, 101, 4)
GAP, FRAME, MARGIN = 1, 2, 2
BLOCK_MAX = 255


class TooLongForAPicture(ValueError):
    """More bytes than the largest picture holds."""


def colour_cells(data: bytes) -> list[list[int]]:
    """The cells of the smallest picture that holds ``data``, row by row, first and last row included.

    :raises TooLongForAPicture: beyond about 1,450 bytes.
    """
    head = bytes([VERSION]) + len(data).to_bytes(2, "big") + data if len(data) < 2**16 else b""
    message = head + zlib.crc32(head).to_bytes(4, "big")
    side = next((side for side in SIDES if sum(_data_lengths(side)) >= len(message)), None)
    if side is None or not head:
        raise TooLongForAPicture(str(len(data)))
    stream = _stream(message, side)
    bits = list(chain.from_iterable((byte >> 6, byte >> 4 & 3, byte >> 2 & 3, byte & 3) for byte in stream))
    return [
        list(FIRST_ROW) * (side // 4),
        *(bits[at : at + side] for at in range(0, len(bits), side)),
        list(LAST_ROW) * (side // 4),
    ]


def block_lengths(side: int) -> list[int]:
    """How many bytes each block has, parity included; the first ones may have one more than the others."""
    total = side * (side - 2) // 4
    count = -(-total // BLOCK_MAX)
    return [total // count + (number < total % count) for number in range(count)]


def parity_length(block_length: int) -> int:
    """Bytes of a block that are parity: two fifths, an even number."""
    return block_length // 5 * 2


def _data_lengths(side: int) -> list[int]:
    return [length - parity_length(length) for length in block_lengths(side)]


def _stream(message: bytes, side: int) -> bytes:
    """The bytes of all blocks, one of each in turns, so that a spot on the picture hurts each a little."""
    blocks, at = [], 0
    for length in block_lengths(side):
        parity = parity_length(length)
        part = message[at : at + length - parity].ljust(length - parity, b"\x1b")
        blocks.append(bytes(_codec(parity).encode(part)))
        at += length - parity
    return bytes(block[place] for place in range(len(blocks[0])) for block in blocks if place < len(block))


@lru_cache(maxsize=32)
def _codec(parity: int) -> RSCodec:
    # As in QR codes: GF(256) by 0x11d, roots from the zeroth power of 2.
    return RSCodec(parity)
