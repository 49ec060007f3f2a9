"""Content negotiation."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tileserver.documents.accept import preferred

OFFERS = ["image/png", "image/webp", "image/jpeg"]


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, "image/png"),
        ("", "image/png"),
        ("*/*", "image/png"),
        ("image/*", "image/png"),
        ("IMAGE/JPEG", "image/jpeg"),
        ("image/webp, image/png;q=0.9", "image/webp"),
        ("image/avif,image/webp,image/apng,*/*;q=0.8", "image/webp"),
        ("image/png;q=0, */*;q=0.1", "image/webp"),
        ("text/html, */*; q=0.5", "image/png"),
        ("image/jpeg;q=nonsense", "image/png"),
        ("text/html", None),
        ("image/*;q=0", None),
    ],
)
def test_the_best_liked_offer_is_chosen(header: str | None, expected: str | None) -> None:
    assert preferred(header, OFFERS) == expected


@given(st.text())
def test_any_header_is_answered(header: str) -> None:
    assert preferred(header, OFFERS) in [*OFFERS, None]
