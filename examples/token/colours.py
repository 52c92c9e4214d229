"""Reads the bank's pictures of cells in four colours: pixels in, bytes out (decision 0037; the format is described in
full in apps/web/colour_matrix.py). Needs nothing but Reed-Solomon; the app has the same in JavaScript.

It finds the black frame, takes its four corners for the perspective, learns from the first and the last row how the
four colours look in this light, and names each cell by the nearest of them. What cannot be corrected is refused: never
a wrong byte.
"""

import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from reedsolo import ReedSolomonError, RSCodec

Point = tuple[float, float]
Colour = tuple[float, float, float]

VERSION = 1
SIDES = range(16, 101, 4)
FIRST_ROW, LAST_ROW = (0, 1, 2, 3), (2, 0, 3, 1)  # White, red, green, blue by their numbers.
EDGE = 3  # The gap and the frame, in cells.
_SHARES = (0.4, 0.2, 0.1, 0.6)  # Between the darkest and the lightest: where dark ends.
_FRAMES_MAX, _READINGS_MAX, _SIDE_MIN = 8, 6, 40


class NotRead(Exception):
    """No such picture, or too much of it is damaged."""


@dataclass(frozen=True, slots=True)
class Pixels:
    """An image: three bytes for each pixel, red, green, blue, row by row."""

    width: int
    height: int
    rgb: bytes

    def at(self, x: float, y: float) -> Colour:
        column, row = min(max(int(x), 0), self.width - 1), min(max(int(y), 0), self.height - 1)
        start = 3 * (row * self.width + column)
        return self.rgb[start], self.rgb[start + 1], self.rgb[start + 2]


def read_colours(pixels: Pixels) -> bytes:
    """The data of the picture in the image.

    :raises NotRead: there is none, or it cannot be corrected.
    """
    # The brightest of the three channels: of all that a picture holds, only its frame is dark in it.
    light = bytes(map(max, pixels.rgb[0::3], pixels.rgb[1::3], pixels.rgb[2::3]))
    ordered = sorted(light[:: max(1, len(light) // 20_000)])
    dark, bright = ordered[len(ordered) // 1000], ordered[len(ordered) * 99 // 100]
    if bright - dark < 40:
        raise NotRead("no contrast")
    for share in _SHARES:
        limit = dark + share * (bright - dark)
        for frame in _frames(light, pixels.width, pixels.height, limit):
            for reading in _readings(pixels, frame):
                try:
                    return _decode(reading.bytes_of(pixels), reading.side)
                except (NotRead, ReedSolomonError):
                    continue
    raise NotRead("no picture of the bank's, or too much of it is damaged")


# The frame ---------------------------------------------------------------------------------------------------


def _frames(light: bytes, width: int, height: int, limit: float) -> Iterator[list[Point]]:
    """Corners, clockwise, of what is dark and in one piece; the largest first."""
    table = bytes(1 if value < limit else 0 for value in range(256))
    waiting = bytearray(light.translate(table))
    found = []
    start = waiting.find(1)
    while start >= 0:
        edges = _piece(waiting, width, height, start)
        across = max(right for _left, right in edges.values()) - min(left for left, _right in edges.values())
        down = max(edges) - min(edges)
        if min(across, down) >= _SIDE_MIN:
            found.append((across * down, edges))
        start = waiting.find(1, start + 1)
    for _size, edges in sorted(found, key=lambda one: -one[0])[:_FRAMES_MAX]:
        corners = _corners([(x, y) for y, ends in edges.items() for x in ends])
        if corners:
            yield corners


def _piece(waiting: bytearray, width: int, height: int, start: int) -> dict[int, tuple[int, int]]:
    """Take the dark piece at ``start`` away; the first and the last column of it in each row."""
    edges: dict[int, tuple[int, int]] = {}
    stack = [start]
    while stack:
        at = stack.pop()
        if not waiting[at]:
            continue
        row = at // width
        left = right = at
        first, last = row * width, row * width + width - 1
        while left > first and waiting[left - 1]:
            left -= 1
        while right < last and waiting[right + 1]:
            right += 1
        waiting[left : right + 1] = bytes(right + 1 - left)
        known = edges.get(row, (width, -1))
        edges[row] = (min(known[0], left - first), max(known[1], right - first))
        for base in (-width, width):
            low, high = left + base, right + base
            if low >= 0 and high < width * height:
                near = waiting.find(1, low, high + 1)
                while near >= 0:
                    stack.append(near)
                    gap = waiting.find(0, near, high + 1)
                    near = waiting.find(1, gap, high + 1) if gap >= 0 else -1
    return edges


def _corners(points: list[Point]) -> list[Point] | None:
    middle = (sum(x for x, _ in points) / len(points), sum(y for _, y in points) / len(points))
    first = max(points, key=lambda point: math.dist(point, middle))
    third = max(points, key=lambda point: math.dist(point, first))
    second = max(points, key=lambda point: _side(first, third, point))
    fourth = min(points, key=lambda point: _side(first, third, point))
    corners = [first, second, third, fourth]
    if _side(first, third, second) <= 0 or _side(first, third, fourth) >= 0:
        return None
    if sum(x * v - u * y for (x, y), (u, v) in _pairs(corners)) < 0:
        corners.reverse()
    lines = [line for start, end in _pairs(corners) if (line := _line(points, start, end))]
    if len(lines) < 4:
        return None
    met = [_meet(lines[number - 1], lines[number]) for number in range(4)]
    # Pixels have a size: half of one lies outside of their middles.
    return [
        (x + 0.5 + 0.5 * math.copysign(1, x - middle[0]), y + 0.5 + 0.5 * math.copysign(1, y - middle[1]))
        for x, y in met
    ]


def _line(points: list[Point], start: Point, end: Point) -> tuple[Point, Point] | None:
    """The straight line through the points near an edge, away from its corners: a point and a direction."""
    length = math.dist(start, end)
    if length < _SIDE_MIN / 2:
        return None
    base, way = start, ((end[0] - start[0]) / length, (end[1] - start[1]) / length)
    for width in (max(2.0, length * 0.03), max(1.5, length * 0.01)):
        near = []
        for x, y in points:
            along = (x - start[0]) * way[0] + (y - start[1]) * way[1]
            off = (x - base[0]) * way[1] - (y - base[1]) * way[0]
            if abs(off) <= width and 0.06 * length < along < 0.94 * length:
                near.append((x, y))
        if len(near) < 8:
            return base, way
        base = (sum(x for x, _ in near) / len(near), sum(y for _, y in near) / len(near))
        xx = sum((x - base[0]) ** 2 for x, _ in near)
        yy = sum((y - base[1]) ** 2 for _, y in near)
        xy = sum((x - base[0]) * (y - base[1]) for x, y in near)
        angle = math.atan2(2 * xy, xx - yy) / 2
        way = (math.cos(angle), math.sin(angle))
    return base, way


def _meet(one: tuple[Point, Point], other: tuple[Point, Point]) -> Point:
    (x, y), (u, v) = one
    (p, q), (r, s) = other
    turned = u * s - v * r
    if abs(turned) < 1e-6:
        return p, q
    along = ((p - x) * s - (q - y) * r) / turned
    return x + along * u, y + along * v


def _pairs(corners: list[Point]) -> list[tuple[Point, Point]]:
    return [(corners[number], corners[(number + 1) % 4]) for number in range(4)]


def _side(start: Point, end: Point, point: Point) -> float:
    return (end[0] - start[0]) * (point[1] - start[1]) - (end[1] - start[1]) * (point[0] - start[0])


# The cells ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Reading:
    """One guess: how many cells, which corner is the first; and the colours that follow from it."""

    quality: float
    side: int
    mapping: tuple[float, ...]
    top: list[Colour]
    bottom: list[Colour]

    def bytes_of(self, pixels: Pixels) -> bytes:
        cells = []
        for row in range(1, self.side - 1):
            share = row / (self.side - 1)
            known = [
                tuple(a + (b - a) * share for a, b in zip(up, down, strict=True))
                for up, down in zip(self.top, self.bottom, strict=True)
            ]
            for column in range(self.side):
                seen = _cell(pixels, self.mapping, self.side, column, row)
                cells.append(min(range(4), key=lambda number: _distance(seen, known[number])))
        return bytes(
            cells[at] << 6 | cells[at + 1] << 4 | cells[at + 2] << 2 | cells[at + 3]
            for at in range(0, len(cells), 4)
        )


def _readings(pixels: Pixels, frame: list[Point]) -> list[_Reading]:
    """The guesses for which first and last row look as they should, the best first."""
    found = []
    for turn in range(4):
        mapping = _mapping(frame[turn:] + frame[:turn])
        for side in SIDES:
            top = _learn(pixels, mapping, side, 0, FIRST_ROW)
            bottom = _learn(pixels, mapping, side, side - 1, LAST_ROW) if top else None
            if top and bottom:
                found.append(_Reading(min(top[0], bottom[0]), side, mapping, top[1], bottom[1]))
    return sorted(found, key=lambda reading: -reading.quality)[:_READINGS_MAX]


def _learn(
    pixels: Pixels, mapping: tuple[float, ...], side: int, row: int, order: tuple[int, ...]
) -> tuple[float, list[Colour]] | None:
    """How the four colours look in a row that repeats them, and how well they are told apart; None: it does not."""
    seen: list[list[Colour]] = [[], [], [], []]
    for column in range(side):
        seen[order[column % 4]].append(_cell(pixels, mapping, side, column, row))
    means: list[Colour] = [
        (
            sum(one[0] for one in ones) / len(ones),
            sum(one[1] for one in ones) / len(ones),
            sum(one[2] for one in ones) / len(ones),
        )
        for ones in seen
    ]
    white = means[0]
    if min(white) < 25:
        return None
    for channel, mean in enumerate(means[1:]):
        shares = [mean[other] / white[other] for other in range(3)]
        if shares[channel] < max(shares[(channel + 1) % 3], shares[(channel + 2) % 3]) + 0.12:
            return None
    spread = (
        sum(math.sqrt(_distance(one, means[number])) for number in range(4) for one in seen[number]) / side
    )
    apart = min(math.sqrt(_distance(means[a], means[b])) for a in range(4) for b in range(a))
    return (apart / (spread + 4), means) if apart > spread else None


def _cell(pixels: Pixels, mapping: tuple[float, ...], side: int, column: int, row: int) -> Colour:
    """The colour in the middle of a cell: of five looks."""
    red = green = blue = 0.0
    for right, down in ((0.5, 0.5), (0.35, 0.35), (0.65, 0.35), (0.35, 0.65), (0.65, 0.65)):
        x, y = _project(
            mapping, (column + right + EDGE) / (side + 2 * EDGE), (row + down + EDGE) / (side + 2 * EDGE)
        )
        seen = pixels.at(x, y)
        red, green, blue = red + seen[0], green + seen[1], blue + seen[2]
    return red / 5, green / 5, blue / 5


def _mapping(corners: list[Point]) -> tuple[float, ...]:
    """From the unit square to the four corners (Heckbert 1989)."""
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = corners
    sx, sy = x0 - x1 + x2 - x3, y0 - y1 + y2 - y3
    dx1, dx2, dy1, dy2 = x1 - x2, x3 - x2, y1 - y2, y3 - y2
    whole = dx1 * dy2 - dx2 * dy1 or 1e-9
    g, h = (sx * dy2 - dx2 * sy) / whole, (dx1 * sy - sx * dy1) / whole
    return (x1 - x0 + g * x1, x3 - x0 + h * x3, x0, y1 - y0 + g * y1, y3 - y0 + h * y3, y0, g, h)


def _project(mapping: tuple[float, ...], u: float, v: float) -> Point:
    a, b, c, d, e, f, g, h = mapping
    depth = g * u + h * v + 1 or 1e-9
    return (a * u + b * v + c) / depth, (d * u + e * v + f) / depth


def _distance(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    return (one[0] - other[0]) ** 2 + (one[1] - other[1]) ** 2 + (one[2] - other[2]) ** 2


# The bytes ---------------------------------------------------------------------------------------------------


def _decode(stream: bytes, side: int) -> bytes:
    total = side * (side - 2) // 4
    count = -(-total // 255)
    message = b""
    for number in range(count):
        block = stream[number::count]
        message += bytes(RSCodec(len(block) // 5 * 2).decode(block)[0])
    length = int.from_bytes(message[1:3], "big")
    head, check = message[: 3 + length], message[3 + length : 7 + length]
    if message[0] != VERSION or len(check) != 4 or zlib.crc32(head).to_bytes(4, "big") != check:
        raise NotRead("another version, or damaged")
    return head[3:]
