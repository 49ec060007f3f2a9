// The panel in which a flight is put together, and what happens while it is flown.

import { clamp, Flight, levelOf } from "./flypath.js";
import { FlightView, viewOf } from "./flyview.js";
import { element, toast } from "./page.js";
import { PLACES } from "./places.js";

const L = window.L;
const EQUATOR = 40_075_016.686; // metres
const ALTITUDES = [3, 5, 10, 25, 60, 150, 400, 800, 2000, 5000]; // km
const [LOWEST, HIGHEST] = [0.5, 20_000]; // km
const SETTLE = 400; // milliseconds after landing
const MOST_POINTS = 40;
const SAME_POINT = 1e-3; // degrees

const PANEL = `
  <div class="fly-head"><h2>Fly</h2>
    <button type="button" data-part="close" aria-label="Close"><svg class="icon"><use href="#i-close"/></svg></button></div>
  <p class="note" data-part="hint"></p>
  <ol data-part="points"></ol>
  <form class="row" data-part="form" autocomplete="off" novalidate>
    <input data-part="place" aria-label="Next point: latitude, longitude or a place" placeholder="46.5, 7.6 or a place" spellcheck="false" enterkeyhint="done">
    <button type="submit" class="wide">Add</button>
  </form>
  <p class="error" data-part="error" role="alert" hidden></p>
  <div class="row fly-heights">
    <label>Start at <select data-part="from"></select></label>
    <label>End at <select data-part="to"></select></label>
  </div>
  <button type="button" class="wide" data-part="go"></button>
  <p class="note" data-part="motion" hidden>This moves the whole picture, and your system asks for less motion.</p>
  <details><summary>The same as a film</summary>
    <p class="note">In a terminal; it draws every tile in full.</p>
    <code data-part="command" tabindex="0"></code>
    <button type="button" class="wide" data-part="copy">Copy the command</button>
  </details>`;

const press = () => (matchMedia("(hover: hover)").matches ? "Click" : "Tap");
const turned = (lng) => ((((lng + 180) % 360) + 360) % 360) - 180;
const shown = ({ lat, lng }) => `${lat.toFixed(2)}, ${turned(lng).toFixed(2)}`;
const height = (km) => `${km.toLocaleString("en")} km`;

// The point that a text names: latitude and longitude, or one of the known places; null for none.
export function readPoint(text) {
  const numbers = /^\s*([-+−]?\d+(?:\.\d+)?)\s*[,;\s]\s*([-+−]?\d+(?:\.\d+)?)\s*$/.exec(text);
  if (numbers) {
    const [lat, lng] = numbers.slice(1).map((part) => Number(part.replace("−", "-")));
    return Math.abs(lat) <= 90 && Math.abs(lng) <= 360 ? { lat, lng } : null;
  }
  const word = text.trim().toLowerCase();
  const place = word && PLACES.find(({ kind, name }) => `${kind} ${name}`.toLowerCase().includes(word));
  return place ? { lat: place.lat, lng: place.lng, name: place.name } : null;
}

// The command that films the same flight.
export function commandOf(points, altitudes, seed) {
  const path = points.map(({ lat, lng }) => `${lat.toFixed(4)},${turned(lng).toFixed(4)}`).join(" ");
  const [from, to] = altitudes;
  const heights = from === to ? `${from}km` : `${from}km:${to}km`;
  return `elsewhere fly "${path}" -o film.mp4 --altitude ${heights}${seed === "0" ? "" : ` --seed ${seed}`}`;
}

export class Flying {
  #map;
  #services;
  #panel;
  #points = [];
  #marks = L.layerGroup();
  #view = null;
  #calm;
  #settling = 0;

  // services: loader, urlOf; seed(): the world; land(view): shows a view; calm: a media query.
  constructor(map, services, { seed, land, calm }) {
    this.#map = map;
    this.#services = services;
    this.seed = seed;
    this.land = land;
    this.#calm = calm;
    this.#build();
    map.on("click", ({ latlng }) => this.open && this.#add({ lat: latlng.lat, lng: latlng.lng }));
  }

  get open() {
    return !this.#panel.hidden;
  }

  get flying() {
    return this.#view !== null;
  }

  toggle() {
    if (this.flying) this.stop();
    else if (this.open) this.close();
    else this.#show();
  }

  close() {
    this.#panel.hidden = true;
    this.#marks.remove();
    element("fly").setAttribute("aria-pressed", "false");
  }

  stop() {
    this.#view?.stop();
  }

  #build() {
    this.#panel = document.createElement("section");
    Object.assign(this.#panel, { id: "flight", className: "chrome card", hidden: true });
    this.#panel.setAttribute("aria-label", "Fly");
    this.#panel.innerHTML = PANEL;
    this.#canvas().addEventListener("pointerdown", (event) => {
      event.preventDefault();
      this.stop();
    });
    document.body.append(this.#panel, this.#caption());
    for (const name of ["from", "to"]) {
      this.#part(name).addEventListener("change", () => this.#refresh());
    }
    this.#part("close").addEventListener("click", () => this.close());
    this.#part("go").addEventListener("click", () => this.#fly());
    this.#part("copy").addEventListener("click", () => this.#copy());
    this.#part("form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#typed();
    });
    element("fly").addEventListener("click", () => this.toggle());
    const keys = (event) => {
      if (event.key !== "Escape" || !(this.flying || this.open)) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      if (this.flying) this.stop();
      else this.close();
    };
    window.addEventListener("keydown", keys, true);
  }

  #part(name) {
    return this.#panel.querySelector(`[data-part=${name}]`);
  }

  #canvas() {
    let canvas = document.getElementById("flight-view");
    if (canvas) return canvas;
    canvas = document.createElement("canvas");
    Object.assign(canvas, { id: "flight-view", hidden: true });
    document.body.append(canvas);
    return canvas;
  }

  #caption() {
    const caption = document.createElement("p");
    Object.assign(caption, { id: "flight-caption", className: "card", hidden: true });
    caption.setAttribute("role", "status");
    return caption;
  }

  // Opens the panel; the flight starts where the map is, as high as it is shown.
  #show() {
    const { lat, lng } = this.#map.getCenter();
    this.#points = [{ lat, lng, name: "Here" }];
    const size = this.#map.getSize();
    const level = Math.cos((lat * Math.PI) / 180);
    const across = (EQUATOR * level) / (256 * 2 ** this.#map.getZoom()); // metres of a pixel
    const km = clamp((across * Math.max(size.x, size.y)) / 1000, LOWEST, HIGHEST);
    const now = Number(km.toPrecision(3));
    for (const name of ["from", "to"]) {
      const options = ALTITUDES.map((value) => new Option(height(value), value));
      options.unshift(new Option(`${height(now)}, as now`, now, true, true));
      this.#part(name).replaceChildren(...options);
    }
    this.#panel.hidden = false;
    this.#marks.addTo(this.#map);
    element("fly").setAttribute("aria-pressed", "true");
    this.#refresh();
  }

  #typed() {
    const field = this.#part("place");
    const point = readPoint(field.value);
    if (!point) {
      this.#complain("Neither “latitude, longitude” in degrees nor a known place.");
      return;
    }
    field.value = "";
    this.#add(point);
  }

  #add(point) {
    const last = this.#points.at(-1);
    const apart = (a, b) => Math.hypot(a.lat - b.lat, turned(a.lng - b.lng));
    if (last && apart(last, point) < SAME_POINT) return;
    if (last && apart({ lat: -last.lat, lng: last.lng + 180 }, point) < 0.1) {
      this.#complain("That is the opposite side of the Earth: add a point on the way.");
    } else if (this.#points.length >= MOST_POINTS) {
      this.#complain(`A flight has at most ${MOST_POINTS} points here.`);
    } else {
      this.#points.push(point);
      this.#refresh();
    }
  }

  #complain(text) {
    this.#part("error").textContent = text;
    this.#part("error").hidden = text === "";
  }

  #altitudes() {
    return ["from", "to"].map((name) => Number(this.#part(name).value));
  }

  #flight() {
    return new Flight(this.#points, this.#altitudes().map((km) => km * 1000));
  }

  #refresh() {
    this.#complain("");
    const ready = this.#points.length > 1;
    this.#part("hint").textContent = ready
      ? `${press()} the map for more points.`
      : `${press()} the map where to fly, or type it.`;
    this.#part("points").replaceChildren(...this.#points.map((point, at) => this.#item(point, at)));
    this.#part("motion").hidden = !this.#calm.matches;
    this.#panel.querySelector("details").hidden = !ready;
    const go = this.#part("go");
    go.disabled = !ready;
    go.textContent = this.#calm.matches ? "Fly all the same" : "Fly";
    this.#marks.clearLayers();
    const dot = { radius: 6, color: "#0c0f13", weight: 2, fillColor: "#6fd3c3", fillOpacity: 1 };
    if (ready) {
      const flight = this.#flight();
      go.textContent += ` · ${Math.round(flight.metres / 1000).toLocaleString("en")} km, ${Math.round(flight.seconds)} s`;
      const line = L.polyline(flight.line(), { color: "#6fd3c3", weight: 3, interactive: false });
      this.#marks.addLayer(line);
      this.#part("command").textContent = commandOf(this.#points, this.#altitudes(), this.seed());
    }
    for (const point of this.#points) {
      this.#marks.addLayer(L.circleMarker(point, { ...dot, interactive: false }));
    }
  }

  #item(point, at) {
    const item = document.createElement("li");
    const name = document.createElement("span");
    name.textContent = point.name ? `${point.name} (${shown(point)})` : shown(point);
    const remove = document.createElement("button");
    remove.type = "button";
    remove.setAttribute("aria-label", `Remove point ${at + 1}`);
    remove.innerHTML = '<svg class="icon"><use href="#i-close"/></svg>';
    remove.addEventListener("click", () => {
      this.#points.splice(at, 1);
      this.#refresh();
    });
    item.append(name, remove);
    return item;
  }

  async #copy() {
    const { textContent } = this.#part("command");
    try {
      await navigator.clipboard.writeText(textContent);
      toast("Command copied");
    } catch {
      getSelection().selectAllChildren(this.#part("command"));
      toast("Copy the marked command");
    }
  }

  #fly() {
    const [canvas, caption] = [element("flight-view"), element("flight-caption")];
    this.close();
    this.#hide();
    canvas.classList.remove("shown");
    canvas.hidden = caption.hidden = false;
    document.body.classList.add("flying");
    document.activeElement?.blur();
    let said = "";
    const onFrame = ({ camera, waiting }) => {
      const km = camera.altitude / 1000;
      const high = km < 20 ? km.toFixed(1) : Math.round(km).toLocaleString("en");
      const text = waiting ? "Making the tiles ahead …" : `${high} km up`;
      if (text !== said) caption.textContent = `${text} · Esc or tap to stop`;
      said = text;
    };
    this.#view = new FlightView(canvas, this.#services, {
      flight: this.#flight(),
      seed: this.seed(),
      onFrame,
      onEnd: (camera) => this.#landed(camera),
    });
  }

  #hide() {
    clearTimeout(this.#settling);
    Object.assign(element("flight-view"), { hidden: true }).style.transform = "";
  }

  #landed(camera) {
    this.#view = null;
    const view = viewOf(camera, this.#map.getMaxZoom());
    this.land({ ...view, lng: turned(view.lng), lat: clamp(view.lat, -85, 85) });
    element("flight-caption").hidden = true;
    document.body.classList.remove("flying");
    // The last frame settles into the map's whole zoom while it fades.
    const canvas = element("flight-view");
    canvas.classList.remove("shown");
    canvas.style.transform = `scale(${2 ** (view.zoom - levelOf(camera))})`;
    this.#settling = setTimeout(() => this.#hide(), SETTLE);
  }
}
