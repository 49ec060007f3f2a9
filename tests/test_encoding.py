"""Encodings: names, media types, and numbers that the cache may rely on."""

from tileserver.encoding import ENCODINGS, Encoding


def test_extensions_and_scales_name_encodings() -> None:
    assert ENCODINGS["png", 1] is Encoding.PNG
    assert ENCODINGS["jpg", 1] is ENCODINGS["jpeg", 1] is Encoding.JPEG
    assert ENCODINGS["webp", 2] is Encoding.WEBP_2X
    assert ("gif", 1) not in ENCODINGS
    assert ("png", 3) not in ENCODINGS
    assert Encoding.JPEG.media_type == "image/jpeg"
    assert (Encoding.PNG.size, Encoding.PNG_2X.size) == (256, 512)


def test_the_numbers_in_the_cache_stay_as_they_are() -> None:
    assert {encoding.name: encoding.variant for encoding in Encoding} == {
        "PNG": 0,
        "WEBP": 1,
        "JPEG": 2,
        "PNG_2X": 16,
        "WEBP_2X": 17,
        "JPEG_2X": 18,
    }
