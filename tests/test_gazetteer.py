"""The table of names that the map page searches: how it is made, and the one that is shipped."""

from __future__ import annotations

import gzip
from typing import Any

from web.gazetteer import TARGET, fold, table


def city(name: str, code: str, population: int, **more: Any) -> dict[str, Any]:
    place = {"latitude": 46.948, "longitude": 7.447, "admin1code": "05", "alternatenames": []}
    return (
        {"geonameid": 1, "name": name, "countrycode": code, "population": population} | place | more
    )


def country(name: str, iso: str, capital: str, area: float = 41_290) -> dict[str, Any]:
    return {"name": name, "iso": iso, "capital": capital, "population": 1, "areakm2": area}


def test_cities_come_after_countries_the_largest_first() -> None:
    cities = [city("Small", "CH", 20_000), city("Large", "CH", 900_000)]
    lines = table(cities, [country("Switzerland", "CH", "Bern")], {}).splitlines()
    assert lines == [
        "Switzerland\tCH\t\t4695\t745\t8",
        "Large\tCH\t\t4695\t745",
        "Small\tCH\t\t4695\t745",
    ]


def test_countries_without_a_city_are_left_out() -> None:
    assert table([], [country("Antarctica", "AQ", "")], {}) == ""


def test_a_country_on_the_dateline_lies_there() -> None:
    cities = [city(str(lng), "FJ", 20_000, latitude=-17, longitude=lng) for lng in (178, -179)]
    line = table(cities, [country("Fiji", "FJ", "Suva")], {}).splitlines()[0]
    assert line.split("\t")[4] == "17950"


def test_american_cities_name_their_state() -> None:
    line = table([city("Paris", "US", 25_000, admin1code="TX")], [], {"TX": "Texas"})
    assert line == "Paris\tUS\tTexas\t4695\t745\n"


def test_other_names_are_kept_once_and_by_size() -> None:
    names = ["Muenchen", "München", "MÜNCHEN", "MUC", "munikh", "Мюнхен", "a|b"]

    def kept(population: int, capital: str = "") -> str:
        made = city("Munich", "DE", population, alternatenames=names)
        return table([made], [country("Germany", "DE", capital)], {}).splitlines()[1].split("\t")[0]

    assert kept(49_999) == "Munich"
    assert kept(50_000) == "Munich|Muenchen|München"
    assert kept(300_000) == kept(1_000, capital="Munich") == "Munich|Muenchen|München|Мюнхен"


def test_names_are_compared_without_case_accents_and_punctuation() -> None:
    assert fold("Saint-Étienne’s_X") == "saint etienne s x"


def test_the_shipped_table_is_whole_and_small() -> None:
    assert TARGET.stat().st_size < 1_000_000
    lines = gzip.decompress(TARGET.read_bytes()).decode().splitlines()
    assert len(lines) > 30_000
    for line in lines:
        names, code, _, latitude, longitude, *zoom = line.split("\t")
        assert names.split("|")[0]
        assert len(code) == 2
        assert abs(int(latitude)) <= 9000
        assert abs(int(longitude)) <= 18000
        assert not zoom or 3 <= int(zoom[0]) <= 9
