"""One picture out of a file: formats, modes, turns, transparency, and files that are none."""

import io
import struct
import subprocess
import sys
import zlib
from typing import Any

import numpy as np
import pytest

from polytask.core import DataError
from polytask.data.images.picture import decode_image, printable, read_picture

Image = pytest.importorskip("PIL.Image")
ImageDraw = pytest.importorskip("PIL.ImageDraw")

SIZE = 20
TURNED = {  # what undoes each EXIF orientation is applied first
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def drawing(mode: str = "L", ink: Any = 0, ground: Any = 255):
    """Draw an L, which no turn maps onto itself, on a page that is no square."""
    image = Image.new(mode, (60, 40), ground)
    ImageDraw.Draw(image).line([(9, 6), (9, 32), (40, 32)], fill=ink, width=5)
    return image


def encoded(image, kind="PNG", **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def numbers(dtype, factor):
    return Image.fromarray((np.asarray(drawing()).astype(dtype) * factor).astype(dtype))


def test_a_picture_is_scaled_by_the_mean_of_what_falls_into_a_pixel():
    expected = np.asarray(drawing()).reshape(20, 2, 20, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(read_picture(drawing(), SIZE).pixels[0], expected, atol=0.51)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", TURNED)
def test_a_photo_is_turned_as_its_camera_says(kind, orientation):
    notes = Image.Exif()
    notes[0x0112] = orientation
    lying = drawing("RGB", "black", "white").transpose(TURNED[orientation])
    file = encoded(lying, kind, exif=notes, **({"lossless": True} if kind == "WEBP" else {}))
    expected = read_picture(drawing(), SIZE).pixels[0]
    assert np.array_equal(read_picture(file, SIZE).pixels[0], expected)


@pytest.mark.parametrize("mode", ["1", "P", "RGB", "RGBA", "LA", "CMYK", "YCbCr", "HSV", "La", "RGBa", "PA"])
def test_every_mode_shows_the_same(mode):
    image = drawing().convert({"La": "LA", "RGBa": "RGBA", "PA": "LA"}.get(mode, mode)).convert(mode)
    found = read_picture(image, SIZE)
    assert np.abs(found.grey.astype(int) - read_picture(drawing(), SIZE).grey).max() <= 1
    assert found.gap is None and not found.coloured


@pytest.mark.parametrize(
    "file",
    [
        numbers(np.uint16, 257),
        encoded(numbers(np.uint16, 257)),
        encoded(numbers(np.uint16, 257), "TIFF"),
        encoded(numbers(np.int32, 257), "PPM"),
        encoded(numbers(np.float32, 1 / 255), "TIFF"),
    ],
)
def test_sixteen_bits_and_floats_keep_their_greys(file):
    greys = read_picture(file, SIZE).grey.astype(int)
    assert np.abs(greys - read_picture(drawing(), SIZE).grey).max() <= 1


def test_numbers_without_a_white_are_refused():
    with pytest.raises(DataError, match=r"32-bit numbers from 0 to 2\.55e\+06.*8 or 16 bits"):
        read_picture(encoded(numbers(np.int32, 10000), "TIFF"), SIZE)


def test_what_is_transparent_is_no_ink():
    alpha = 255 - np.asarray(drawing())
    ink = Image.merge("LA", (Image.new("L", (60, 40), 0), Image.fromarray(alpha)))
    for file in (
        encoded(ink),
        encoded(ink.convert("RGBA"), "WEBP", lossless=True),
        encoded(ink.convert("RGBA"), "GIF"),
    ):
        found = read_picture(file, SIZE)
        assert found.gap is not None and found.grey.max() == 0  # black ink, seen on black
        assert np.abs(found.gap.astype(int) - read_picture(drawing(), SIZE).grey).max() <= 1


@pytest.mark.parametrize("mode", ["P", "L", "RGB", "1", "I;16"])
def test_one_value_of_a_png_can_stand_for_transparency(mode):
    image = numbers(np.uint16, 257) if mode == "I;16" else drawing().convert(mode)
    clear = {"RGB": (255, 255, 255), "I;16": 65535, "1": 1}.get(mode, 255)
    found = read_picture(encoded(image, transparency=clear), SIZE)
    assert found.gap is not None
    assert np.abs(found.gap.astype(int) - read_picture(drawing(), SIZE).grey).max() <= 1


def test_colour_is_noticed_and_grey_is_none():
    assert read_picture(drawing("RGB", (200, 0, 0), "white"), SIZE).coloured
    assert not read_picture(drawing("RGB", (90, 95, 92), "white"), SIZE).coloured


@pytest.mark.parametrize(("ink", "ground"), [(0, 255), (255, 0), (90, 250)])
def test_the_ground_is_what_surrounds_the_ink(ink, ground):
    assert read_picture(drawing(ink=ink, ground=ground), SIZE).ground == ground


def test_free_standing_ink_has_the_opposite_ground_and_nothing_has_none():
    clear = Image.new("RGBA", (9, 9), (0, 0, 0, 0))
    assert read_picture(clear, SIZE).ground is None
    clear.putpixel((4, 4), (0, 0, 0, 255))
    assert read_picture(clear, SIZE).ground == 255


def test_further_pictures_are_noticed():
    pages = [drawing(), drawing(ink=90)]
    file = encoded(pages[0], "GIF", save_all=True, append_images=pages[1:])
    assert read_picture(file, SIZE).animated and not read_picture(encoded(drawing(), "GIF"), SIZE).animated


def broken_png(header: bytes) -> bytes:
    chunk = b"IHDR" + header
    return (
        b"\x89PNG\r\n\x1a\n" + struct.pack(">I", len(header)) + chunk + struct.pack(">I", zlib.crc32(chunk))
    )


BROKEN = {
    "text": b"no image at all",
    "nothing": b"",
    "half a header": broken_png(struct.pack(">II", 20, 20)),
    "half an image": encoded(Image.effect_noise((90, 90), 90))[:2000],
    "odd numbers": b"P6\n4 x\n255\n",
    "no pixels": b"P5\n0 0\n255\n",
    "sky-high": broken_png(struct.pack(">IIBBBBB", 2**31 - 1, 2**31 - 1, 8, 0, 0, 0, 0)),
    "page description": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n",
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_damaged_file_is_named(tmp_path, case):
    path = tmp_path / "scan.png"
    path.write_bytes(BROKEN[case])
    with pytest.raises(DataError, match=r"scan\.png"):
        read_picture(path, SIZE)


@pytest.mark.parametrize("size", [(9000, 9000), (20000, 20000), (200_000, 1)])
def test_a_huge_image_is_refused_before_it_is_decoded(size, tmp_path):
    rows = struct.pack(">IIBBBBB", *size, 1, 0, 0, 0, 0)
    path = tmp_path / "scan.png"
    path.write_bytes(broken_png(rows) + struct.pack(">I", 0) + b"IDAT")  # nothing that could be decoded
    with pytest.raises(DataError, match=r"scan\.png.*(pixels|decompression bomb)"):
        read_picture(path, SIZE)


def test_a_file_of_gigabytes_is_not_read(tmp_path):
    path = tmp_path / "scan.webp"
    with path.open("wb") as file:
        file.write(b"RIFF\0\0\0\x7fWEBPVP8 ")
        file.truncate(2**30)  # holes take no room on the disk
    with pytest.raises(DataError, match=r"scan\.webp.*more than 512 MiB"):
        read_picture(path, SIZE)


def test_a_large_photo_is_decoded_small_and_shows_the_same():
    large = Image.linear_gradient("L").resize((1600, 1200))
    found = read_picture(encoded(large, "JPEG", quality=95), SIZE).grey.astype(int)
    assert np.abs(found - read_picture(large, SIZE).grey).max() <= 3


@pytest.mark.parametrize("path", ["nowhere.png", ".", "a\0b"])
def test_what_is_no_file_is_named(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="is no readable image"):
        read_picture(path, SIZE)


@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_what_is_decoded_tells_its_height_and_width_upright(orientation):
    notes = Image.Exif()
    notes[0x0112] = orientation
    large = Image.new("L", (3000, 1000))
    shape = decode_image(encoded(large, "JPEG", exif=notes), 50, lambda found, _: (found.width, found.height))
    assert shape == ((1000, 3000) if orientation == 6 else (3000, 1000))


def test_a_name_can_be_written_whatever_is_in_it():
    assert printable("caf\udce9.png") == "caf\\xe9.png"
    assert printable("\ud800.png") == "\\ud800.png"


def test_a_common_format_is_read_without_the_code_of_the_others(tmp_path):
    for ending in ("png", "jpg", "bmp", "gif", "tif"):
        Image.fromarray(np.full((20, 20), 200, dtype=np.uint8)).save(tmp_path / f"x.{ending}")
    code = """
import sys
from polytask.data.images.picture import read_picture
for name in sys.argv[1:5]:
    assert abs(int(read_picture(name, 4).pixels.mean()) - 200) < 5
assert "PIL.TgaImagePlugin" not in sys.modules
assert abs(int(read_picture(sys.argv[5], 4).pixels.mean()) - 200) < 5
assert "PIL.TgaImagePlugin" in sys.modules
"""
    names = [str(tmp_path / f"x.{ending}") for ending in ("png", "jpg", "bmp", "gif", "tif")]
    subprocess.run([sys.executable, "-c", code, *names], check=True)
