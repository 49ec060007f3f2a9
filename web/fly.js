// The panel in which a flight is put together, and what happens while it is flown.

import { formatCoordinates } from "./coordinates.js";
import { Flight, levelOf } from "./flypath.js";
import { FlightView, viewOf } from "./flyview.js";
import { clamp, wrapLongitude } from "./numbers.js";
import { copy, element, say, toast } from "./page.js";
import { formatLength, metresPerPixel } from "./readout.js";
import { tiles } from "./status.js";

const L = window.L;
const ALTITUDES = [3, 5, 10, 25, 60, 150, 400, 800, 2000, 5000]; // km
const [LOWEST, HIGHEST] = [0.5, 20_000]; // km
const DESCENT = 60; // km: a flight that begins higher ends here unless told otherwise
const SETTLE = 400; // milliseconds after landing
const MOST_POINTS = 40;
const SAME_POINT = 1e-3; // degrees
const MARGIN = 40; // pixels around points that are brought into view
const DOT = 6; // pixels, the radius of a point

const hovers = matchMedia("(hover: hover)");
const press = () => (hovers.matches ? "Click" : "Tap");
const height = (km) => formatLength(km * 1000);
// The copy of a meridian that lies nearest to another one.
const near = (lng, other) => lng + 360 * Math.round((other - lng) / 360);

// The command that films the same flight.
function commandOf(points, altitudes, seed) {
  const numbers = ({ lat, lng }) => `${lat.toFixed(4)},${wrapLongitude(lng).toFixed(4)}`;
  const [from, to] = altitudes;
  const heights = from === to ? `${from}km` : `${from}km:${to}km`;
  const world = seed === "0" ? "" : ` --seed ${seed}`;
  const path = points.map(numbers).join(" ");
  return `elsewhere fly "${path}" -o film.mp4 --altitude ${heights}${world}`;
}

export class Flying {
  #map;
  #services;
  #page;
  #panel = element("flight");
  #points = [];
  #marks = L.layerGroup();
  #view = null;
  #settling = 0;

  // services: loader, urlOf, lastZoom. page: seed(), the world's; land(view) shows a view; search, whose
  // places become points while the panel is open; calm: a media query.
  constructor(map, services, page) {
    this.#map = map;
    this.#services = services;
    this.#page = page;
    map.on("click", ({ latlng }) => {
      if (!this.open) return;
      this.#add({ name: formatCoordinates(latlng.wrap(), 2), lat: latlng.lat, lng: latlng.lng });
    });
    this.#listen();
  }

  get open() {
    return !this.#panel.hidden;
  }

  toggle() {
    if (this.open) this.close();
    else this.#show();
  }

  close() {
    if (!this.open) return;
    this.#panel.hidden = true;
    this.#marks.remove();
    this.#page.search.aim("");
    element("fly").setAttribute("aria-pressed", "false");
    element("fly").focus({ preventScroll: true });
  }

  // A place from the search is the next point.
  add({ name, detail, lat, lng, zoom }) {
    this.#add({ name, detail: zoom === null ? "" : detail, lat, lng });
    this.#part("add").focus({ preventScroll: true });
  }

  // The world is another one.
  refresh() {
    if (this.open) this.#refresh();
  }

  #listen() {
    const clicks = {
      close: () => this.close(),
      add: () => this.#page.search.open(),
      go: () => this.#fly(),
      copy: () => this.#copy(),
    };
    for (const [name, act] of Object.entries(clicks)) {
      this.#part(name).addEventListener("click", act);
    }
    for (const name of ["from", "to"]) {
      this.#part(name).addEventListener("change", () => this.#refresh());
    }
    this.#panel.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      this.close();
    });
    element("flight-view").addEventListener("pointerdown", (event) => {
      event.preventDefault();
      this.#view?.stop();
    });
    // While it flies the page hears no other keys.
    const keys = (event) => {
      if (!this.#view || event.ctrlKey || event.metaKey || event.altKey) return;
      event.stopImmediatePropagation();
      if (["Escape", "f", "F"].includes(event.key)) this.#view.stop();
    };
    window.addEventListener("keydown", keys, true);
  }

  #part(name) {
    return this.#panel.querySelector(`[data-part=${name}]`);
  }

  // Opens the panel; the flight starts where the map is, as high as it is shown.
  #show() {
    const { lat, lng } = this.#map.getCenter();
    const detail = formatCoordinates({ lat, lng: wrapLongitude(lng) }, 2);
    this.#points = [{ name: "Here", detail, lat, lng }];
    const size = this.#map.getSize();
    const metres = metresPerPixel(lat, this.#map.getZoom()) * Math.max(size.x, size.y);
    const now = Number(clamp(metres / 1000, LOWEST, HIGHEST).toPrecision(3));
    for (const name of ["from", "to"]) {
      const options = [now, ...ALTITUDES].map((km) => new Option(height(km), km));
      this.#part(name).replaceChildren(...options);
    }
    if (now > DESCENT) this.#part("to").value = DESCENT;
    this.#panel.hidden = false;
    this.#marks.addTo(this.#map);
    this.#page.search.aim("Next point");
    element("fly").setAttribute("aria-pressed", "true");
    this.#refresh();
    this.#reveal();
    this.#part("add").focus({ preventScroll: true });
  }

  // Takes one more point, or says why it cannot be flown to.
  #add(point) {
    const last = this.#points.at(-1);
    const apart = (a, b) => Math.hypot(a.lat - b.lat, wrapLongitude(a.lng - b.lng));
    if (last && apart(last, point) < SAME_POINT) return;
    if (last && apart({ lat: -last.lat, lng: last.lng + 180 }, point) < 0.1) {
      this.#complain("That is the opposite side of the Earth: add a point on the way.");
    } else if (this.#points.length >= MOST_POINTS) {
      this.#complain(`A flight has at most ${MOST_POINTS} points here.`);
    } else {
      this.#points.push(point);
      this.#refresh();
      this.#reveal();
      this.#part("add").scrollIntoView({ block: "nearest" });
      say(`Point ${this.#points.length}: ${point.name}`);
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
    const seed = this.#page.seed();
    element("flight-title").textContent = `Fly over world ${seed}`;
    const ready = this.#points.length > 1;
    const calm = this.#page.calm.matches;
    this.#part("hint").textContent = ready
      ? `${press()} the map for more points, or search.`
      : `${press()} the map where to fly to, or search.`;
    this.#part("points").replaceChildren(...this.#points.map((point, at) => this.#item(point, at)));
    this.#part("motion").hidden = !calm;
    this.#panel.querySelector("details").hidden = !ready;
    const go = this.#part("go");
    go.disabled = !ready;
    go.textContent = calm ? "Fly all the same" : "Fly";
    const flight = ready ? this.#flight() : null;
    if (flight) {
      go.textContent += ` · ${formatLength(flight.metres)}, ${Math.round(flight.seconds)} s`;
      this.#part("command").textContent = commandOf(this.#points, this.#altitudes(), seed);
    }
    this.#mark(flight);
  }

  // Draws points and path on one copy of the world, however often the map has gone round it.
  #mark(flight) {
    this.#marks.clearLayers();
    this.#points.slice(1).forEach((point, at) => {
      point.lng = near(point.lng, this.#points[at].lng);
    });
    const line = flight?.line() ?? [];
    const shift = line.length ? near(line[0].lng, this.#points[0].lng) - line[0].lng : 0;
    const path = line.map(({ lat, lng }) => ({ lat, lng: lng + shift }));
    const style = { interactive: false, className: "flight-path" };
    this.#marks.addLayer(L.polyline(path, style));
    for (const point of this.#points) {
      this.#marks.addLayer(L.circleMarker(point, { ...style, radius: DOT, fillOpacity: 1 }));
    }
  }

  // Shows all points in what the panel leaves of the map: above it, or on its left.
  #reveal() {
    const { left, top, width } = this.#panel.getBoundingClientRect();
    const size = this.#map.getSize();
    const free = width > size.x / 2 ? L.point(size.x, top) : L.point(left, size.y);
    const seen = L.bounds([DOT, DOT], free.subtract([DOT, DOT]));
    const at = (point) => this.#map.latLngToContainerPoint(point);
    if (this.#points.every((point) => seen.contains(at(point)))) return;
    this.#map.fitBounds(L.latLngBounds(this.#points), {
      paddingTopLeft: [MARGIN, 2 * MARGIN],
      paddingBottomRight: size.subtract(free).add([MARGIN, MARGIN]),
      maxZoom: this.#map.getZoom(),
      animate: false,
    });
  }

  #item(point, at) {
    const [item, name, detail, remove] = ["li", "b", "span", "button"].map((tag) =>
      document.createElement(tag),
    );
    name.textContent = point.name;
    detail.textContent = point.detail ?? "";
    remove.type = "button";
    remove.setAttribute("aria-label", `Remove point ${at + 1}, ${point.name}`);
    remove.innerHTML = '<svg class="icon" aria-hidden="true"><use href="#i-close"/></svg>';
    remove.addEventListener("click", () => {
      this.#points.splice(at, 1);
      this.#refresh();
      const next = this.#panel.querySelectorAll("li button")[at] ?? this.#part("add");
      next.focus({ preventScroll: true });
    });
    item.append(name, " ", detail, remove);
    return item;
  }

  async #copy() {
    const command = this.#part("command");
    const copied = await copy(command.textContent, command);
    toast(copied ? "Command copied" : "Selected: copy it with Ctrl+C");
  }

  #fly() {
    const [canvas, caption] = [element("flight-view"), element("flight-caption")];
    const flight = this.#flight();
    this.close();
    this.#hide();
    canvas.classList.remove("shown");
    canvas.hidden = caption.hidden = false;
    document.body.classList.add("flying");
    document.activeElement?.blur();
    const how = hovers.matches ? "Click or Esc to stop" : "Tap to stop";
    say(`Flying ${formatLength(flight.metres)} in ${Math.round(flight.seconds)} seconds. ${how}.`);
    let said = "";
    const onFrame = ({ camera, missing }) => {
      const km = camera.altitude / 1000;
      const high = km < 20 ? km.toFixed(1) : Math.round(km);
      const text = missing ? `Making ${tiles(missing)} ahead` : `${high} km up`;
      if (text !== said) caption.textContent = `${text} · ${how}`;
      said = text;
    };
    this.#view = new FlightView(canvas, this.#services, {
      flight,
      seed: this.#page.seed(),
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
    element("flight-caption").hidden = true;
    document.body.classList.remove("flying");
    say("The flight is over.");
    const { lat, lng, zoom } = viewOf(camera, this.#map.getMaxZoom());
    this.#page.land({ lat: clamp(lat, -85, 85), lng: wrapLongitude(lng), zoom });
    // The last frame settles into the map's whole zoom while it fades.
    const canvas = element("flight-view");
    canvas.classList.remove("shown");
    canvas.style.transform = `scale(${2 ** (zoom - levelOf(camera))})`;
    this.#settling = setTimeout(() => this.#hide(), SETTLE);
  }
}
