"""The table of names that the map page searches: how it is made, and the one that is shipped."""

from __future__ import annotations

import gzip
from typing import Any

from web.gazetteer import TARGET, fold, table
from web.labelzooms import FIRST, LAST


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
        "Switzerland\tCH\t\t46948\t7447\t8",
        "Large\tCH\t\t46948\t7447\t\t4",
        "Small\tCH\t\t46948\t7447\t\t14",
    ]


def test_a_capital_is_marked_and_named_earlier() -> None:
    cities = [city("Bern", "CH", 200_000, geonameid=n) for n in (1, 2)]
    cities[1] |= {"name": "Base", "latitude": 47.5}
    lines = table(cities, [country("Switzerland", "CH", "Bern")], {}).splitlines()
    assert [line.split("\t")[6] for line in lines[1:]] == ["4*", "7"]


def test_countries_without_a_city_are_left_out() -> None:
    assert table([], [country("Antarctica", "AQ", "")], {}) == ""


def test_a_country_on_the_dateline_lies_there() -> None:
    cities = [city(str(lng), "FJ", 20_000, latitude=-17, longitude=lng) for lng in (178, -179)]
    line = table(cities, [country("Fiji", "FJ", "Suva")], {}).splitlines()[0]
    assert line.split("\t")[4] == "179500"


def test_american_cities_name_their_state() -> None:
    line = table([city("Paris", "US", 25_000, admin1code="TX")], [], {"TX": "Texas"})
    assert line == "Paris\tUS\tTexas\t46948\t7447\t\t7\n"


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
        names, code, _, latitude, longitude, zoom, *label = line.split("\t")
        assert names.split("|")[0]
        assert len(code) == 2
        assert abs(int(latitude)) <= 90_000
        assert abs(int(longitude)) <= 180_000
        assert 3 <= int(zoom) <= 9 if zoom else FIRST <= int(label[0].rstrip("*")) <= LAST
    assert sum(line.endswith("*") for line in lines) > 190
