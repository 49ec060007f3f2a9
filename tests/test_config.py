import pytest

from generator.config import (
    PRESETS,
    SamplerConfig,
    network_from_json,
    sampler_from_json,
    to_json,
)
from generator.errors import WeightsError


def test_configurations_survive_json():
    for preset in PRESETS.values():
        assert network_from_json(to_json(preset)) == preset
    sampler = SamplerConfig(steps=4, augmentation=(0.1, 0.2, 0.3, 0.4, 0.5))
    assert sampler_from_json(to_json(sampler)) == sampler


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"steps": 1}', '{"steps": 1, "other": 2}'])
def test_other_fields_are_refused(text):
    with pytest.raises(WeightsError, match="SamplerConfig"):
        sampler_from_json(text)
