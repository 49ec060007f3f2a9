"""Content negotiation: which of several media types a client would rather have."""

from __future__ import annotations

from collections.abc import Sequence


def preferred(header: str | None, offers: Sequence[str]) -> str | None:
    """Return the offer that an Accept header likes best, or None if it takes none of them.

    offers: media types in the server's own order, which decides between equals. No header, or one
    that says nothing, takes anything. A type's own quality counts before that of type/* and */*.
    """
    wishes = dict(filter(None, map(_wish, (header or "").split(","))))
    if not wishes:
        return offers[0]

    def quality(offer: str) -> float:
        ranges = (offer, offer.partition("/")[0] + "/*", "*/*")
        return next((wishes[name] for name in ranges if name in wishes), 0.0)

    best = max(offers, key=quality)
    return best if quality(best) > 0 else None


def _wish(text: str) -> tuple[str, float] | None:
    """Read one range of an Accept header; None if it is empty or its quality is no number."""
    name, *parameters = (part.strip().lower() for part in text.split(";"))
    if not name:
        return None
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip() == "q":
            try:
                return name, min(1.0, max(0.0, float(value)))
            except ValueError:
                return None
    return name, 1.0
