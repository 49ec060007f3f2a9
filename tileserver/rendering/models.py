"""Loading the model, and which one a server had when it last ran.

Only the model's identity names a world, and the model takes seconds to load. So the identity is
written down in the cache's directory under what decides it (`generator.cascade.identityinputs`),
and stored tiles are served before the model is loaded.
"""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any, NamedTuple

from generator.atomicfile import atomic_replace
from generator.cascade.identityinputs import identity_inputs
from tileserver.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from generator.cascade.cascade import Cascade
    from generator.cascade.renderer import Renderer

FILE = "models.json"

KEPT = 8
"""Models written down; the one written down first is forgotten."""

log = logging.getLogger("elsewhere")


class Model(NamedTuple):
    """A renderer's identity, and what it says about itself as a JSON object."""

    identity: bytes
    about: dict[str, Any]


def describe(renderer: Renderer) -> dict[str, Any]:
    """Return what a renderer says about itself, as a JSON object."""
    told = getattr(renderer, "describe", None)
    return {} if told is None else dict(told())


class Models:
    """The models of the servers that share a cache's directory."""

    def __init__(self, settings: Settings) -> None:
        self.path = settings.cache / FILE
        self._settings = settings

    def identity_inputs(self) -> str:
        """Return what a model is written down under: it changes with all that decides pixels."""
        given = self._settings
        found = identity_inputs(
            given.base,
            given.weights,
            given.steps,
            given.tone,
            memory=given.memory,
            geography=given.geography,
        )
        return found.hex()

    def recall(self) -> Model | None:
        """Return the model of these settings if it is known what that will be."""
        found: Any = self._read().get(self.identity_inputs())
        try:
            model = Model(bytes.fromhex(found["identity"]), dict(found["about"]))
        except (LookupError, TypeError, ValueError):
            return None
        return model if model.identity else None

    def load(self, load: Callable[[Settings], Renderer]) -> Renderer:
        """Load the renderer, and write down what it is for those who start before it is loaded."""
        before = self.identity_inputs()
        renderer = load(self._settings)
        if self.identity_inputs() == before:  # else who knows which of both files was loaded
            self.remember(before, Model(renderer.identity, describe(renderer)))
        return renderer

    def remember(self, under: str, model: Model) -> None:
        """Write a model down; where that cannot be done the next start waits for it."""
        known = self._read()
        new = {"identity": model.identity.hex(), "about": model.about}
        if known.get(under) == new:
            return
        known[under] = new
        self._write(dict(list(known.items())[-KEPT:]))

    def _read(self) -> dict[str, Any]:
        try:
            known = json.loads(self.path.read_bytes())
        except (OSError, ValueError):
            return {}
        return known if isinstance(known, dict) else {}

    def _write(self, known: dict[str, Any]) -> None:
        """Replace the file in one step, so that nobody reads half of it."""
        try:
            with atomic_replace(self.path) as part:
                part.write_text(json.dumps(known, indent=1), encoding="ascii")
        except OSError as error:
            log.debug("the model cannot be written down: %s", error)


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
        geography=settings.geography,
    )
