// "Near Quimper, France": which town of the Earth the middle of the view is closest to.

import { loadGazetteer } from "./gazetteer.js";
import { wrapLongitude } from "./numbers.js";

const DEGREE = 111.2; // km of a degree on a great circle
const AT = 12; // km up to which a view is near a town
const DEEP = 6; // the first zoom whose middle is a place
const REST = 400; // milliseconds without a move

const radians = (degrees) => (degrees * Math.PI) / 180;

// The town closest to a place, and how far it is in km.
export function nearest(points, lat, lng) {
  let [town, best] = [null, 180];
  for (const point of points) {
    if (point.country || Math.abs(point.lat - lat) > best) continue;
    const angle = distance(point, lat, lng);
    if (angle < best) [town, best] = [point, angle];
  }
  return { town, km: best * DEGREE };
}

// Degrees of the great circle between a point and a place (haversine).
function distance(point, lat, lng) {
  const [up, along] = [point.lat - lat, point.lng - lng].map((angle) => Math.sin(radians(angle) / 2));
  const square = up * up + Math.cos(radians(lat)) * Math.cos(radians(point.lat)) * along * along;
  return (2 * Math.asin(Math.min(1, Math.sqrt(square))) * 180) / Math.PI;
}

export function sentence(name, detail, km) {
  const place = detail ? `${name}, ${detail}` : name;
  return km <= AT ? `Near ${place}` : `${Number(km.toPrecision(2)).toLocaleString("en")} km from ${place}`;
}

export class Near {
  #map;
  #line;
  #loader;
  #names = null;
  #asked = false;
  #timer = 0;

  // `loader`: that of the tiles, which go first.
  constructor(map, line, loader) {
    this.#map = map;
    this.#line = line;
    this.#loader = loader;
    map.on("moveend", () => this.#touch());
    loader.addEventListener("change", () => this.#names ?? this.#touch());
    this.#touch();
  }

  #touch() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#rest(), REST);
  }

  #rest() {
    const deep = this.#map.getZoom() >= DEEP;
    if (deep && !this.#names) this.#load();
    else this.#show(deep);
  }

  // Fetches the names once, when no tile is waited for and the browser has nothing else to do.
  #load() {
    if (this.#asked || this.#loader.pending > 0 || navigator.connection?.saveData) return;
    this.#asked = true;
    const idle = window.requestIdleCallback ?? ((act) => setTimeout(act, 200));
    idle(async () => {
      try {
        this.#names = await loadGazetteer();
        this.#rest();
      } catch {
        this.#asked = false; // the next move asks again
      }
    });
  }

  #show(deep) {
    this.#line.hidden = !deep;
    if (!deep) return;
    const { lat, lng } = this.#map.getCenter();
    const { town, km } = nearest(this.#names.points, lat, wrapLongitude(lng));
    const { name, detail } = this.#names.describe(town);
    this.#line.textContent = sentence(name, detail, km);
    this.#line.title = this.#line.textContent;
  }
}
