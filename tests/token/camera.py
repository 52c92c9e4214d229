"""The bank's coloured pictures as cameras see them."""

import random
from collections.abc import Callable
from io import BytesIO

from PIL import Image, ImageChops, ImageFilter

from apps.web.colour_matrix import FRAME, GAP, MARGIN, colour_cells
from examples.token.colours import Pixels

_INK = [(255, 255, 255), (255, 0, 0), (0, 255, 0), (0, 0, 255)]
_WALL = (205, 203, 198)


def draw(what: bytes | list[list[int]], pixels: int) -> Image.Image:
    """Data, or cells, with so many pixels to a cell."""
    cells = colour_cells(what) if isinstance(what, bytes) else what
    side, edge = len(cells), GAP + FRAME + MARGIN
    image = Image.new("RGB", (side + 2 * edge,) * 2, "white")
    frame = Image.new("RGB", (side + 2 * (GAP + FRAME),) * 2, "black")
    frame.paste("white", (FRAME, FRAME, frame.width - FRAME, frame.width - FRAME))
    image.paste(frame, (MARGIN, MARGIN))
    inside = Image.frombytes(
        "RGB", (side, side), bytes(part for row in cells for cell in row for part in _INK[cell])
    )
    image.paste(inside, (edge, edge))
    return image.resize((image.width * pixels,) * 2, Image.Resampling.NEAREST)


def on_page(image: Image.Image) -> Image.Image:
    page = Image.new("RGB", (image.width + 120, image.height + 120), _WALL)
    page.paste(image, (60, 60))
    return page


def pixels_of(image: Image.Image) -> Pixels:
    return Pixels(image.width, image.height, image.convert("RGB").tobytes())


def turned(image: Image.Image, degrees: float) -> Image.Image:
    return image.rotate(degrees, expand=True, resample=Image.Resampling.BICUBIC, fillcolor=_WALL)


def scaled(image: Image.Image, factor: float) -> Image.Image:
    size = (int(image.width * factor), int(image.height * factor))
    return image.resize(size, Image.Resampling.BICUBIC)


def slanted(image: Image.Image, share: float) -> Image.Image:
    """Seen from the side: corners moved inwards, by up to this share of the width."""
    width, height = image.size
    corners = [
        *(width * share, height * share * 0.6),
        *(0, height * (1 - share * 0.5)),
        *(width, height),
        *(width * (1 - share * 0.3), 0),
    ]
    return image.transform(
        (width, height),
        Image.Transform.PERSPECTIVE,
        _from(corners, width, height),
        Image.Resampling.BICUBIC,
        fillcolor=_WALL,
    )


def _from(corners: list[float], width: int, height: int) -> list[float]:
    """Which eight numbers put the whole image onto these corners (top left, bottom left, bottom right, top right)."""
    seen = list(zip(corners[::2], corners[1::2], strict=True))
    real = [(0, 0), (0, height), (width, height), (width, 0)]
    rows = []
    for (x, y), (u, v) in zip(seen, real, strict=True):
        rows.append([x, y, 1, 0, 0, 0, -u * x, -u * y, u])
        rows.append([0, 0, 0, x, y, 1, -v * x, -v * y, v])
    for column in range(8):
        pivot = max(range(column, 8), key=lambda row: abs(rows[row][column]))
        rows[column], rows[pivot] = rows[pivot], rows[column]
        for row in range(8):
            if row != column:
                factor = rows[row][column] / rows[column][column]
                rows[row] = [a - factor * b for a, b in zip(rows[row], rows[column], strict=True)]
    return [rows[number][8] / rows[number][number] for number in range(8)]


def tinted(image: Image.Image, red: float, green: float, blue: float) -> Image.Image:
    """Another white balance, or less light."""
    factors = zip(image.split(), (red, green, blue), strict=True)
    return Image.merge(
        "RGB",
        [band.point([int(min(255, value * factor)) for value in range(256)]) for band, factor in factors],
    )


def shaded(image: Image.Image, darkest: float) -> Image.Image:
    """Light that falls off from one edge to the other."""
    shade = Image.linear_gradient("L").resize(image.size)
    shade = shade.point([int(255 * (darkest + (1 - darkest) * value / 255)) for value in range(256)])
    return ImageChops.multiply(image, Image.merge("RGB", (shade,) * 3))


def noisy(image: Image.Image, deviation: int) -> Image.Image:
    chance = random.Random(deviation)
    grain = [int(chance.gauss(0, deviation)) for _ in range(9973)]
    data = bytearray(image.tobytes())
    for at, value in enumerate(data):
        data[at] = min(255, max(0, value + grain[at % 9973]))
    return Image.frombytes("RGB", image.size, bytes(data))


def compressed(image: Image.Image, quality: int) -> Image.Image:
    out = BytesIO()
    image.save(out, "JPEG", quality=quality)
    return Image.open(out).convert("RGB")


def blurred(image: Image.Image, radius: float) -> Image.Image:
    return image.filter(ImageFilter.GaussianBlur(radius))


def _page(data: bytes, pixels: int = 6) -> Image.Image:
    return on_page(draw(data, pixels))


SEEN: dict[str, Callable[[bytes], Image.Image]] = {
    "turned by 3": lambda data: turned(_page(data), 3),
    "turned by 20": lambda data: turned(_page(data), 20),
    "turned by 45": lambda data: turned(_page(data), 45),
    "turned by 90": lambda data: turned(_page(data), 90),
    "upside down": lambda data: turned(_page(data), 183),
    "small, 2.5 pixels to a cell": lambda data: scaled(_page(data, 8), 2.5 / 8),
    "small, 3.3 pixels to a cell": lambda data: scaled(_page(data, 8), 3.3 / 8),
    "slanted by 10 %": lambda data: slanted(_page(data), 0.1),
    "slanted by 30 %": lambda data: slanted(_page(data), 0.3),
    "noise of 60": lambda data: noisy(_page(data), 60),
    "blurred by a third of a cell": lambda data: blurred(_page(data), 2),
    "JPEG of 30": lambda data: compressed(_page(data, 4), 30),
    "by a warm lamp": lambda data: tinted(_page(data), 1, 0.7, 0.35),
    "by a cold sky": lambda data: tinted(_page(data), 0.6, 0.8, 1),
    "in the dark": lambda data: tinted(_page(data), 0.25, 0.25, 0.25),
    "with a shadow": lambda data: shaded(_page(data), 0.3),
    "with a shadow from the side": lambda data: turned(shaded(turned(_page(data), 90), 0.3), -90),
    "all at once": lambda data: compressed(
        noisy(blurred(tinted(slanted(turned(_page(data), 12), 0.1), 1, 0.85, 0.6), 0.8), 12), 75
    ),
}
