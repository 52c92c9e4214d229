"""The token's eye: the request in a photograph or a screenshot of the page."""

from io import BytesIO

import zxingcpp
from PIL import Image, ImageOps, UnidentifiedImageError

from examples.token.colours import NotRead, Pixels, read_colours
from examples.token.device import TokenError

SIDE_MAX = 1200
_PIXELS_MAX = 40_000_000


def read_picture(data: bytes) -> str | bytes:
    """The request that a picture holds: bytes of one in colours, text of a QR code.

    :raises TokenError: no picture, or nothing of the bank in it.
    """
    try:
        opened = Image.open(BytesIO(data))
        if opened.width * opened.height > _PIXELS_MAX:
            raise TokenError("The picture is too large.")
        image = ImageOps.exif_transpose(opened).convert("RGB")
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
        raise TokenError("This is no picture.") from error
    for found in zxingcpp.read_barcodes(image.convert("L")):
        if found.format == zxingcpp.BarcodeFormat.QRCode and found.text and "://" not in found.text:
            return found.text
    image.thumbnail((SIDE_MAX, SIDE_MAX))
    try:
        return read_colours(Pixels(image.width, image.height, image.tobytes()))
    except NotRead as error:
        raise TokenError(
            "There is no picture of the bank's in it, or it cannot be read: closer, straighter, sharper."
        ) from error
