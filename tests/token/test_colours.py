"""Pictures in four colours: what is written can be read, also as a camera sees it; what cannot be corrected is no bytes
at all, never wrong ones. The numbers here are those of decision 0037."""

import random
import zlib

import pytest
from PIL import Image, ImageDraw
from reedsolo import RSCodec

from apps.web.colour_matrix import (
    SIDES,
    TooLongForAPicture,
    block_lengths,
    colour_cells,
    parity_length,
)
from apps.web.pictures import colour_picture
from examples.token.colours import NotRead, read_colours
from tests.token.camera import SEEN, draw, on_page, pixels_of, tinted

DATA = random.Random(9).randbytes(450)


def test_is_written_as_the_format_says() -> None:
    for length in (0, 1, 100, 450, 1400):
        cells = colour_cells(random.Random(length).randbytes(length))
        side = len(cells)
        assert side % 4 == 0
        assert {len(row) for row in cells} == {side}
        assert (cells[0][:5], cells[-1][:5]) == ([0, 1, 2, 3, 0], [2, 0, 3, 1, 2])
    for side in SIDES:
        lengths = block_lengths(side)
        assert sum(lengths) == side * (side - 2) // 4
        assert max(lengths) <= 255
        assert all(parity_length(length) % 2 == 0 for length in lengths)
    with pytest.raises(TooLongForAPicture):
        colour_cells(bytes(1500))
    with pytest.raises(TooLongForAPicture):
        colour_cells(bytes(70_000))


@pytest.mark.parametrize("length", [0, 1, 100, 450, 1000, 1400])
def test_is_read_as_drawn(length: int) -> None:
    data = random.Random(length).randbytes(length)
    assert read_colours(pixels_of(on_page(draw(data, 6)))) == data


@pytest.mark.req("S3-10", "S3-11")
@pytest.mark.parametrize("name", SEEN)
def test_is_read_as_a_camera_sees_it(name: str) -> None:
    assert read_colours(pixels_of(SEEN[name](DATA))) == DATA


def test_is_found_where_it_is_small() -> None:
    desk = Image.new("RGB", (1100, 900), "gray")
    desk.paste("white", (800, 0, 1100, 200))
    desk.paste(tinted(draw(DATA, 4), 0.5, 0.5, 0.5), (300, 400))
    assert read_colours(pixels_of(desk)) == DATA


def test_is_found_on_a_dark_page_among_other_things() -> None:
    page = Image.new("RGB", (900, 700), (20, 24, 22))
    page.paste(draw(DATA, 6), (300, 150))
    pen = ImageDraw.Draw(page)
    pen.rectangle((20, 20, 200, 120), fill="white", outline="black", width=12)
    pen.rectangle((40, 500, 240, 690), fill="red", outline="black", width=20)
    assert read_colours(pixels_of(page)) == DATA


class TestDamage:
    @pytest.mark.parametrize("share", [0.05, 0.15])
    def test_of_a_sixth_is_corrected(self, share: float) -> None:
        assert read_colours(pixels_of(spotted(share))) == DATA

    @pytest.mark.parametrize("share", [0.3, 0.5, 0.8])
    def test_beyond_that_is_an_error(self, share: float) -> None:
        with pytest.raises(NotRead):
            read_colours(pixels_of(spotted(share)))

    def test_is_never_read_as_something_else(self) -> None:
        """Cells turned over at random, up to all of them: right, or no bytes."""
        chance, cells, read = random.Random(4), colour_cells(DATA), 0
        for round_ in range(16):
            bent = [list(row) for row in cells]
            for row in bent[1:-1]:
                for column in range(len(row)):
                    if chance.random() < round_ / 80:
                        row[column] = (row[column] + chance.randrange(1, 4)) % 4
            try:
                assert read_colours(pixels_of(on_page(draw(bent, 3)))) == DATA
                read += 1
            except NotRead:
                continue
        assert 2 <= read < 16

    def test_of_the_check_is_seen_though_the_blocks_are_whole(self) -> None:
        cells = colour_cells(b"")
        side, [length] = len(cells), block_lengths(len(cells))
        for head in (b"\x01\x00\x05Hello", b"\x02\x00\x05Hello", b"\x01\xff\xffHello"):
            check = zlib.crc32(head[:8]).to_bytes(4, "big")
            check = bytes([check[0] ^ 1]) + check[1:] if head == b"\x01\x00\x05Hello" else check
            block = RSCodec(parity_length(length)).encode(
                (head + check).ljust(length - parity_length(length), b"\x00")
            )
            bits = [byte >> shift & 3 for byte in block for shift in (6, 4, 2, 0)]
            middle = [bits[at : at + side] for at in range(0, len(bits), side)]
            with pytest.raises(NotRead):
                read_colours(pixels_of(on_page(draw([cells[0], *middle, cells[-1]], 6))))

    def test_nothing_at_all_is_an_error(self) -> None:
        noise = random.Random(2).randbytes(300 * 200 * 3)
        for image in (
            Image.new("RGB", (50, 50), "white"),
            Image.new("RGB", (1, 1), "black"),
            Image.new("RGB", (400, 300), "black"),
            Image.frombytes("RGB", (300, 200), noise),
            on_page(Image.new("RGB", (200, 200), "black")),
        ):
            with pytest.raises(NotRead):
                read_colours(pixels_of(image))


def spotted(share: float) -> Image.Image:
    """A grey spot over this share of the cells."""
    image = on_page(draw(DATA, 6))
    side = int((image.width - 120) * share**0.5 * 0.86)
    corner = (image.width - side) // 2
    ImageDraw.Draw(image).rectangle((corner, corner, corner + side, corner + side), fill="gray")
    return image


def test_the_page_draws_the_same() -> None:
    svg = colour_picture(DATA, title="Say <b>what</b>")
    side = len(colour_cells(DATA))
    assert f'viewBox="0 0 {side + 10} {side + 10}"' in svg
    assert "&lt;b&gt;" in svg
    assert "style=" not in svg
    assert svg.count("<path") == 5
