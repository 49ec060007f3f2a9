"""The cache against a dictionary: any order of storing, expiring, damaging and restarting."""

import shutil
import tempfile
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from generator.grid.tile import Tile
from tests.caches import OTHER, WORLD, tiles_of
from tileserver.cache.store import digest_of
from tileserver.cache.tilecache import TileCache
from tileserver.cache.verification import check_all
from tileserver.encode import encode_png

LIMIT = 4 << 20
PAYLOADS = [
    *(encode_png(np.full((256, 256, 3), shade, np.uint8)) for shade in (0, 255)),
    *(bytes([letter]) * size for letter in b"ab" for size in (10, 5000, 20_000)),
]

worlds = st.sampled_from((WORLD, OTHER))
tiles = st.builds(Tile, st.just(2), st.integers(0, 3), st.integers(0, 1)) | st.just(Tile(0, 0, 0))
payloads = st.integers(0, len(PAYLOADS) - 1)
variants = st.sampled_from((1, 2, 255))
Key = tuple[bytes, Tile, int]


class CacheMachine(RuleBasedStateMachine):
    """Does to a cache and to a dictionary the same."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.cache = TileCache.open(self.folder, LIMIT)
        self.model: dict[Key, bytes] = {}

    def teardown(self) -> None:
        self.cache.close()
        shutil.rmtree(self.folder)

    @rule(world=worlds, batch=st.lists(st.tuples(tiles, payloads), max_size=5))
    def put(self, world: bytes, batch: list[tuple[Tile, int]]) -> None:
        self.cache.put_many(world, [(tile, PAYLOADS[number]) for tile, number in batch])
        for tile, number in batch:
            self.model.setdefault((world, tile, 0), PAYLOADS[number])

    @rule(world=worlds, tile=tiles, variant=variants, number=payloads)
    def put_variant(self, world: bytes, tile: Tile, variant: int, number: int) -> None:
        assert self.cache.put_variants([(world, tile, variant, PAYLOADS[number])])
        self.model.setdefault((world, tile, variant), PAYLOADS[number])

    @rule(world=worlds | st.none(), zooms=st.sampled_from(([0], [2], None)))
    def remove(self, world: bytes | None, zooms: list[int] | None) -> None:
        gone = [
            key
            for key in self.model
            if world in (None, key[0]) and (zooms is None or key[1].z in zooms)
        ]
        removed = self.cache.remove(world, None, zooms)
        assert removed == sum(variant == 0 for _, _, variant in gone)
        for key in gone:
            del self.model[key]

    @rule()
    def evict_everything(self) -> None:
        self.cache.evictor.make_room(0.0)
        self.model.clear()

    @rule(number=payloads)
    def lose_a_payload(self, number: int) -> None:
        """Damage what several tiles may share; storing it again mends all of them."""
        payload = PAYLOADS[number]
        with self.cache.store.writing() as txn:
            txn.delete(digest_of(payload), db=self.cache.store.blobs)
        lost = [key for key, value in self.model.items() if value == payload]
        for world, tile, variant in lost:
            if variant:
                self.cache.put_variants([(world, tile, variant, payload)])
            else:
                self.cache.put_many(world, [(tile, payload)])

    @rule()
    def restart(self) -> None:
        self.cache.close()
        self.cache = TileCache.open(self.folder, LIMIT)

    @invariant()
    def nothing_else_is_there(self) -> None:
        for world in (WORLD, OTHER):
            masters = {key[1] for key in self.model if key[0] == world and key[2] == 0}
            assert set(tiles_of(self.cache, world)) == masters
        for (world, tile, variant), payload in self.model.items():
            entry = self.cache.entry(world, tile, variant)
            assert entry is not None
            assert (entry.payload, entry.digest) == (payload, digest_of(payload))
        assert self.cache.rows == len(self.model)
        found = check_all(self.cache.store)
        assert not found, found


TestCacheModel = CacheMachine.TestCase
TestCacheModel.settings = settings(
    max_examples=20,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
