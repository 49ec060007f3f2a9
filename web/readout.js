// What the current view is: its scale bar, its ground resolution, and what makes its tiles.

import { EQUATOR, LAST_ZOOM } from "./mercator.js";

const LONGEST_BAR = 112; // pixels; on a narrow screen what the words beside it leave
const WORDS = 268;
const SHORTEST_BAR = 24;

// Metres on the ground per CSS pixel.
export function metresPerPixel(latitude, zoom) {
  return (EQUATOR * Math.cos((latitude * Math.PI) / 180)) / (256 * 2 ** zoom);
}

function significant(value) {
  return value >= 100 ? Math.round(value).toString() : Number(value.toPrecision(3)).toString();
}

export function formatLength(metres) {
  return metres >= 1000 ? `${significant(metres / 1000)} km` : `${significant(metres)} m`;
}

// The longest round length that a bar of at most `pixels` can show.
function scaleBar(resolution, pixels) {
  const longest = resolution * pixels;
  const power = 10 ** Math.floor(Math.log10(longest));
  const metres = [5, 2, 1].find((digit) => digit * power <= longest) * power;
  return { metres, width: metres / resolution };
}

// The cascade when the server does not say: base map to 5, a stage at every odd zoom after it.
function usualStages() {
  const kind = (zoom) => (zoom <= 5 ? "base map" : zoom % 2 ? "stage" : "average");
  return Array.from({ length: LAST_ZOOM + 1 }, (_, zoom) => ({ zoom, kind: kind(zoom) }));
}

const lastOf = (stages) => Math.max(...stages.map(({ zoom }) => zoom));

// One short sentence on what makes the tiles of this zoom.
function explain(stages, zoom) {
  const last = lastOf(stages);
  if (zoom > last) return `Invented: zoom ${last}, enlarged`;
  const kind = kindAt(stages, zoom);
  if (kind === "stage") return `Invented: drawn from zoom ${zoom - 2}`;
  if (kind === "average") return `Invented: averaged from zoom ${zoom + 1}`;
  return "Base map, same in every world";
}

// What makes a zoom: "base map", "stage" or "average".
function kindAt(stages, zoom) {
  return (stages.find((stage) => stage.zoom === zoom) ?? stages.at(-1)).kind;
}

export class Readout {
  #map;
  #stages = usualStages();
  #part;

  // `root` holds the parts, each found by its data-part attribute.
  constructor(map, root) {
    this.#map = map;
    this.#part = (name) => root.querySelector(`[data-part="${name}"]`);
    map.on("move zoom zoomend moveend resize", () => this.show());
    this.#drawLadder();
    this.show();
  }

  // Takes the `stages` list of /api/info.
  setStages(stages) {
    if (!Array.isArray(stages) || stages.length === 0) return;
    this.#stages = stages;
    this.#drawLadder();
    this.show();
  }

  #drawLadder() {
    const rungs = this.#stages.map(({ zoom, kind }) => {
      const rung = document.createElement("i");
      rung.dataset.zoom = zoom;
      rung.dataset.kind = kind;
      return rung;
    });
    this.#part("ladder").replaceChildren(...rungs);
    this.#part("ladder").title = this.#stages
      .map(({ zoom }) => `Zoom ${zoom}: ${explain(this.#stages, zoom)}`)
      .join("\n");
  }

  show() {
    const zoom = this.#map.getZoom();
    if (zoom === undefined) return;
    const resolution = metresPerPixel(this.#map.getCenter().lat, zoom);
    const room = Math.max(SHORTEST_BAR, this.#map.getSize().x - WORDS);
    const bar = scaleBar(resolution, Math.min(LONGEST_BAR, room));
    const whole = Math.round(zoom);
    this.#part("bar").style.width = `${bar.width.toFixed(1)}px`;
    this.#part("length").textContent = formatLength(bar.metres);
    this.#part("resolution").textContent = formatLength(resolution);
    this.#part("zoom").textContent = `Zoom ${whole}`;
    this.#part("stage").textContent = explain(this.#stages, whole);
    this.#part("swatch").dataset.kind = kindAt(this.#stages, whole);
    const last = lastOf(this.#stages);
    for (const rung of this.#part("ladder").children) {
      rung.classList.toggle("here", Number(rung.dataset.zoom) === Math.min(whole, last));
    }
  }
}
