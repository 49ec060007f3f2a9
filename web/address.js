// The view in the URL: "#13/41.90000/12.49000/seed=7" and, while two worlds are compared,
// "/vs=8/split=0.35" after it, and "/names=on" while places have their names.

import { clamp, wrapLongitude } from "./numbers.js";
import { parseSeed } from "./seed.js";

const LATEST_LATITUDE = 85.06;
const PAUSE = 250; // milliseconds without a change before the URL is rewritten

// Enough decimals for a tenth of a pixel at this zoom.
function decimals(zoom) {
  return clamp(Math.ceil(Math.log10((256 * 2 ** zoom) / 360)) + 1, 2, 8);
}

function formatView(view) {
  const digits = decimals(view.zoom);
  const [lat, lng] = [view.lat, wrapLongitude(view.lng)].map((angle) => angle.toFixed(digits));
  const parts = [view.zoom, lat, lng, `seed=${view.seed}`];
  if (view.other !== null) parts.push(`vs=${view.other}`, `split=${view.split.toFixed(3)}`);
  if (view.names) parts.push("names=on");
  return `#${parts.join("/")}`;
}

function readSeed(text, problems) {
  try {
    return parseSeed(text);
  } catch (error) {
    problems.push(error.message);
    return null;
  }
}

// What a hash says; null for what it leaves out, `problems` for what it says wrongly.
export function parseView(hash, maxZoom) {
  const view = { zoom: null, lat: null, lng: null, seed: null, other: null, split: 0.5, names: false };
  const problems = [];
  const parts = hash.replace(/^#/, "").split("/").filter(Boolean);
  const place = parts.filter((part) => !part.includes("="));
  const numbers = place.map(Number);
  if (place.length === 3 && numbers.every(Number.isFinite)) {
    view.zoom = clamp(Math.round(numbers[0]), 0, maxZoom);
    view.lat = clamp(numbers[1], -LATEST_LATITUDE, LATEST_LATITUDE);
    view.lng = numbers[2];
  } else if (place.length > 0) {
    problems.push(`The link’s place “${place.join("/").slice(0, 40)}” is not zoom/lat/lon.`);
  }
  for (const part of parts) {
    const [name, value] = part.split("=", 2);
    if (name === "seed") view.seed = readSeed(value, problems);
    if (name === "names") view.names = value === "on";
    if (name === "vs") view.other = readSeed(value, problems);
    if (name === "split" && value) {
      const split = Number(value);
      if (Number.isFinite(split)) view.split = clamp(split, 0, 1);
    }
  }
  return { view, problems };
}

// Keeps location.hash and the view equal, without a history entry for every movement.
export class Address {
  #timer = 0;
  #read;

  constructor(readView, onChange) {
    this.#read = readView;
    window.addEventListener("hashchange", () => {
      this.#cancel();
      if (location.hash !== formatView(this.#read())) onChange(location.hash);
    });
  }

  #cancel() {
    clearTimeout(this.#timer);
    this.#timer = 0;
  }

  // The view moved: rewrite the URL once it rests.
  touch() {
    this.#cancel();
    this.#timer = setTimeout(() => this.flush(), PAUSE);
  }

  flush() {
    this.#cancel();
    const hash = formatView(this.#read());
    if (hash !== location.hash) history.replaceState(null, "", hash);
  }

  // The view is about to jump (another world, another place): "back" returns to this one.
  mark() {
    this.flush();
    history.pushState(null, "", location.href);
  }
}
