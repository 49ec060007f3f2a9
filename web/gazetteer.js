// Names of countries and cities (gazetteer.tsv.gz, from GeoNames), found by what they begin with, and
// as points of the map.

import { rowOf } from "./mercator.js";

const LETTERS = { ø: "o", ł: "l", đ: "d", ß: "ss", æ: "ae", œ: "oe", ı: "i" };
const CITY_ZOOM = 13;
const UNIT = 1000; // parts of a degree
const [LEAST, MOST] = [2, 7]; // zooms at which countries have their names
// How well a name fits: whole, whole but another of its names, its beginning, …, a word in it.
const [WHOLE, OTHER_WHOLE, BEGINNING, OTHER_BEGINNING, WORD] = [0, 1, 2, 3, 4];

// Text as it is compared: without case, accents and punctuation.
export function fold(text) {
  return text
    .toLowerCase()
    .normalize("NFD")
    .replace(/\p{M}/gu, "")
    .replace(/[øłđßæœı]/g, (letter) => LETTERS[letter])
    .replace(/[^\p{L}\p{N}\t\n|]/gu, " ");
}

const words = (text) => fold(text).replace(/[\s|]+/g, " ").trim();
const regions = new Intl.DisplayNames(["en"], { type: "region" });

class Gazetteer {
  #lines;
  #text = null; // as it is compared, and where its lines start: made when something is looked for
  #starts = [];
  #points = null;

  // `table`: one place a line, the more important first; see gazetteer.py.
  constructor(table) {
    this.#lines = table.trimEnd().split("\n");
  }

  #fold() {
    this.#text = `\n${fold(this.#lines.join("\n"))}\n`;
    for (let at = 0; at < this.#text.length - 1; at = this.#text.indexOf("\n", at + 1)) {
      this.#starts.push(at + 1);
    }
  }

  // Every place as { name, line, lat, lng, x, y, country, first, last, capital }, countries
  // first, then the largest: x and y are shares of the map from its western and northern edge, first
  // and last the zooms at which its name is on the map.
  get points() {
    this.#points ??= this.#lines.map((text, line) => point(text, line));
    return this.#points;
  }

  // What the search says of a point's line: { name, detail, lat, lng, zoom }.
  describe({ line }) {
    return this.#place(line, 0);
  }

  // Up to `limit` places, the best first: "paris", "Genf", "paris, texas", "springfield illinois".
  find(query, limit = 8) {
    const [name, ...areas] = query.split(",").map(words);
    const found = this.#within(name, areas.filter(Boolean));
    const parts = name.split(" ");
    for (let cut = parts.length - 1; cut > 0 && found.length === 0 && areas.length === 0; cut--) {
      found.push(...this.#within(parts.slice(0, cut).join(" "), [parts.slice(cut).join(" ")]));
    }
    return found.slice(0, limit);
  }

  #within(name, areas) {
    if (this.#text === null) this.#fold();
    if (name === "" || /^[a-z0-9]$/.test(name)) return [];
    const fits = [...this.#scan(name)].sort(([a, x], [b, y]) => x.rank - y.rank || a - b);
    const places = [];
    for (const [line, fit] of fits) {
      const place = this.#place(line, fit.alias);
      const around = place.areas.map(words);
      if (areas.every((area) => around.some((text) => text.startsWith(area)))) places.push(place);
      if (places.length === 50) break;
    }
    return places;
  }

  // The lines in which a name begins so, each with its best rank and which of its names that is.
  #scan(name) {
    const text = this.#text;
    const found = new Map();
    for (let at = text.indexOf(name); at >= 0; at = text.indexOf(name, at + 1)) {
      const before = text[at - 1];
      if (before !== "\n" && before !== "|" && before !== " ") continue;
      const line = this.#lineAt(at);
      const names = text.slice(this.#starts[line], at);
      if (names.includes("\t")) continue;
      const alias = names.split("|").length - 1;
      const whole = before !== " " && "|\t".includes(text[at + name.length]);
      const begins = before === " " ? WORD : alias ? OTHER_BEGINNING : BEGINNING;
      const rank = whole ? (alias ? OTHER_WHOLE : WHOLE) : begins;
      if (!(found.get(line)?.rank <= rank)) found.set(line, { rank, alias });
    }
    return found;
  }

  #lineAt(at) {
    let [low, high] = [0, this.#starts.length];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (this.#starts[middle] <= at) low = middle;
      else high = middle;
    }
    return low;
  }

  #place(line, alias) {
    const [all, code, state, lat, lng, zoom] = this.#lines[line].split("\t");
    const names = all.split("|");
    const country = regions.of(code);
    return {
      name: alias ? `${names[0]} (${names[alias]})` : names[0],
      detail: zoom ? "Country" : [state, country].filter(Boolean).join(", "),
      areas: [state, country, code],
      lat: Number(lat) / UNIT,
      lng: Number(lng) / UNIT,
      zoom: zoom ? Number(zoom) : CITY_ZOOM,
    };
  }
}

function point(text, line) {
  const [names, , , north, east, fills, label] = text.split("\t");
  const [lat, lng] = [Number(north) / UNIT, Number(east) / UNIT];
  const end = names.indexOf("|");
  const country = Boolean(fills);
  return {
    name: end < 0 ? names : names.slice(0, end),
    line,
    lat,
    lng,
    x: (lng + 180) / 360,
    y: rowOf(lat),
    country,
    first: country ? Math.max(LEAST, Number(fills) - 2) : Number.parseInt(label, 10),
    last: country ? Math.min(MOST, Number(fills) + 1) : Infinity,
    capital: Boolean(label?.endsWith("*")),
  };
}

let loading = null;
// The table, fetched once; a failure is forgotten, so that the next call asks again.
export function loadGazetteer() {
  loading ??= fetchGazetteer().catch((error) => {
    loading = null;
    throw error;
  });
  return loading;
}

async function fetchGazetteer() {
  const answer = await fetch(new URL("gazetteer.tsv.gz", import.meta.url));
  if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
  const unpacked = answer.body.pipeThrough(new DecompressionStream("gzip"));
  return new Gazetteer(await new Response(unpacked).text());
}
