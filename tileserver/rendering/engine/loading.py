"""Loading the generator as the settings say, in the one place of the server that needs torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from generator.cascade.cascade import Cascade
    from tileserver.settings import Settings


def load_renderer(settings: Settings) -> Cascade:
    """Load the generator with the settings' base map, weights and memory. Raises GeneratorError."""
    import generator  # importing torch takes seconds, so it happens only where it is needed

    return generator.load(
        base=settings.base,
        weights=settings.weights,
        steps=settings.steps,
        threads=settings.threads,
        memory=settings.memory,
        tone=settings.tone,
    )
