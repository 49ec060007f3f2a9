"""Names of worlds."""

from generator.grid.world import fingerprint


def test_every_identity_and_seed_has_a_name_of_its_own() -> None:
    names = {fingerprint(who, seed) for who in (b"a" * 16, b"b" * 16) for seed in (0, 1, 2**64 - 1)}
    assert len(names) == 6
    assert {len(name) for name in names} == {16}
    assert fingerprint(b"a" * 16, 1) in names
