import pytest

from generator.grid.errors import WeightsError
from generator.nets.config import (
    PRESETS,
    SamplerConfig,
    network_from_json,
    sampler_from_json,
    to_json,
)
from generator.nets.factors import DetailFactors


def test_configurations_survive_json():
    for preset in PRESETS.values():
        assert network_from_json(to_json(preset)) == preset
    sampler = SamplerConfig(steps=4, augmentation=(0.1, 0.2, 0.3, 0.4, 0.5))
    assert sampler_from_json(to_json(sampler)) == sampler


@pytest.mark.parametrize(("stages", "finest"), [(5, 15), (6, 17)])
def test_a_sampler_has_a_number_for_each_stage_that_the_weights_serve(stages, finest):
    sampler = SamplerConfig(augmentation=(0.5,) * stages, contrast=(1.0,) * stages)
    assert sampler.max_zoom == finest
    assert sampler.zooms == (7, 9, 11, 13, 15, 17)[:stages]
    assert sampler_from_json(to_json(sampler)) == sampler


def test_a_stage_has_factors_on_its_detail():
    sharp = SamplerConfig(contrast=(1, 1, 1.5, 1, 1), sharpness=(1, 1, 2, 1, 1))
    assert sampler_from_json(to_json(sharp)) == sharp
    assert sharp.factors(11) == DetailFactors(1.5, 1.0, 2)
    assert sharp.factors(13) == DetailFactors()
    with pytest.raises(WeightsError, match="saturation has 2 numbers, expected 5 or none"):
        SamplerConfig(saturation=(1.0, 0.5))


@pytest.mark.parametrize(
    "text", ['{"steps": 1, "augmentation": [0.1]}',
             '{"steps": 1, "augmentation": [1.0, 1.0, 1.0, 1.0, 1.0, 1.0]}'],
)  # fmt: skip
def test_numbers_of_other_stages_are_refused(text):
    with pytest.raises(WeightsError, match="expected 5 or 6 of each, one for each stage"):
        sampler_from_json(text)


def test_a_network_written_before_later_fields_reads_with_their_defaults():
    text = '{"blocks": [2, 3, 2], "embedding": 192, "widths": [96, 192]}'
    assert network_from_json(text) == PRESETS["exact-s"]
    assert network_from_json(text[:-1] + ', "context": [0, 0]}') == PRESETS["exact-s"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"blocks": [2, 3, 2], "embedding": 192}', "has the fields"),
        ('{"family": "paper", "base": 128}', "PaperConfig has the fields"),
        ('{"family": "other"}', "family is 'other', expected 'layout', 'exact' or 'paper'"),
        ('{"blocks": 2, "embedding": 192, "widths": [96, 192]}', "blocks is 2"),
        ('{"blocks": [2, 3, 2], "embedding": "a", "widths": [96, 192]}', "embedding is 'a'"),
        ('{"context": [384, 4]}', "has a context branch"),
        ("3", "expected a JSON object"),
        ("{", "is not JSON"),
    ],
)
def test_a_network_s_faulty_fields_are_named(text, message):
    with pytest.raises(WeightsError, match=message):
        network_from_json(text)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"steps": 1}', '{"steps": 1, "other": 2}'])
def test_other_fields_are_refused(text):
    with pytest.raises(WeightsError, match="SamplerConfig"):
        sampler_from_json(text)
