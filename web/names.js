// An optional layer of names: one canvas in the map, which moves with it and is drawn anew at rest.

import { loadGazetteer } from "./gazetteer.js";

const L = window.L;
const SHARPEST = 2; // device pixels per pixel that are worth their memory
const AROUND = 200; // pixels outside of the canvas from which a name may still keep others away
const GAP = 3; // pixels between two names at least
const DOTS = 10; // the last zoom at which a town is a dot
const [SMALLEST, LARGEST] = [12.5, 16]; // type in pixels
const COUNTRY = { size: 12, spacing: 1.5, colour: "#ffe9b8" };
const SHIFTS = [0, -24, 24, -44, 44]; // pixels by which a country may give way, in this order
const TOWN = "#ffffff";
const HALO = "rgb(9 12 16 / 0.88)";

// How a name is written: a town grows with each zoom after the one it appeared at.
function style({ country, first }, zoom) {
  if (country) return COUNTRY;
  const size = Math.min(LARGEST, SMALLEST + (zoom - first) * 0.75);
  return { size, spacing: 0, colour: TOWN };
}

// Boxes that lie on none before them, found by rows.
class Boxes {
  #rows = new Map();

  // Keeps a box and says so, unless it meets one.
  take(box) {
    const rows = [Math.floor(box.top / 32), Math.floor(box.bottom / 32)];
    for (let row = rows[0]; row <= rows[1]; row++) {
      for (const other of this.#rows.get(row) ?? []) {
        const apart = box.right < other.left || other.right < box.left
          || box.bottom < other.top || other.bottom < box.top;
        if (!apart) return false;
      }
    }
    for (let row = rows[0]; row <= rows[1]; row++) {
      if (!this.#rows.has(row)) this.#rows.set(row, []);
      this.#rows.get(row).push(box);
    }
    return true;
  }
}

export const NamesLayer = L.Renderer.extend({
  options: { pane: "names", padding: 0.25 },

  initialize(options) {
    L.Renderer.prototype.initialize.call(this, options);
    this._points = [];
    this._widths = new Map();
    this._frame = 0;
  },

  // Loads the names; throws where they cannot be had.
  async load() {
    this._points = (await loadGazetteer()).points;
    if (this._map) this._update();
  },

  getEvents() {
    return { ...L.Renderer.prototype.getEvents.call(this), move: this._follow };
  },

  _initContainer() {
    this._container = document.createElement("canvas");
    this._container.id = "names-view";
    this._container.setAttribute("aria-hidden", "true");
    this._pen = this._container.getContext("2d");
    this._family = getComputedStyle(this._map.getContainer()).fontFamily;
  },

  _destroyContainer() {
    cancelAnimationFrame(this._frame);
    this._frame = 0;
    this._container.remove();
    delete this._container;
  },

  // The map is dragged: draws anew before the canvas ends, not at every step.
  _follow() {
    if (this._frame || this._map._animatingZoom || this._map.getZoom() !== this._zoom) return;
    const seen = L.bounds(
      this._map.containerPointToLayerPoint([0, 0]),
      this._map.containerPointToLayerPoint(this._map.getSize()),
    );
    if (this._bounds.contains(seen)) return;
    this._frame = requestAnimationFrame(() => {
      this._frame = 0;
      this._update();
    });
  },

  _update() {
    if (this._map._animatingZoom && this._bounds) return;
    L.Renderer.prototype._update.call(this);
    const canvas = this._container;
    const size = this._bounds.getSize();
    const sharp = Math.min(SHARPEST, window.devicePixelRatio || 1);
    canvas.width = Math.round(size.x * sharp);
    canvas.height = Math.round(size.y * sharp);
    canvas.style.width = `${size.x}px`;
    canvas.style.height = `${size.y}px`;
    L.DomUtil.setPosition(canvas, this._bounds.min);
    this._pen.setTransform(sharp, 0, 0, sharp, 0, 0);
    const placed = this._placed(size);
    canvas.dataset.count = placed.length;
    for (const label of placed) this._draw(label);
  },

  // The names of this view, each where it lies on none more important: the great towns, then the
  // countries where they leave room, then what is left.
  _placed(size) {
    const zoom = Math.round(this._map.getZoom());
    const boxes = new Boxes();
    const turn = ({ point }) => {
      if (point.country) return 1;
      return point.first < zoom || point.capital ? 0 : 2;
    };
    return this._near(size, zoom)
      .sort((a, b) => turn(a) - turn(b) || a.point.first - b.point.first)
      .map((label) => {
        const shifts = label.point.country ? SHIFTS : [0];
        return shifts
          .map((shift) => this._measured({ ...label, y: label.y + shift }, zoom))
          .find(({ box }) => boxes.take(box));
      })
      .filter(Boolean);
  },

  // The names of a zoom on the canvas and close to it, as { point, x, y } in its pixels.
  _near({ x: width, y: height }, zoom) {
    const across = 256 * 2 ** zoom;
    const corner = this._map.getPixelOrigin().add(this._bounds.min);
    const found = [];
    for (const point of this._points) {
      if (point.first > zoom || point.last < zoom) continue;
      const y = point.y * across - corner.y;
      if (y < -AROUND || y > height + AROUND) continue;
      // The world repeats itself to the east and west.
      const start = point.x * across - corner.x;
      const first = start - Math.floor((start + AROUND) / across) * across;
      for (let x = first; x <= width + AROUND; x += across) found.push({ point, x, y });
    }
    return found;
  },

  _measured({ point, x, y }, zoom) {
    const look = style(point, zoom);
    const text = point.country ? point.name.toUpperCase() : point.name;
    const font = `600 ${look.size}px ${this._family}`;
    const half = this._width(text, font, look.spacing) / 2 + GAP;
    const dot = !point.country && zoom <= DOTS;
    // Beneath its dot, or in the middle of the town.
    const line = dot ? y + look.size * 0.5 + 7 : y;
    const [above, below] = [look.size * 0.6 + GAP, look.size * 0.6 + GAP];
    const box = { left: x - half, right: x + half, top: dot ? y - 6 : line - above, bottom: line + below };
    return { text, font, look, x, y, line, dot, capital: point.capital, box };
  },

  _width(text, font, spacing) {
    const key = `${font}|${text}`;
    let width = this._widths.get(key);
    if (width === undefined) {
      this._pen.font = font;
      this._pen.letterSpacing = `${spacing}px`;
      width = this._pen.measureText(text).width;
      this._widths.set(key, width);
    }
    return width;
  },

  _draw({ text, font, look, x, y, line, dot, capital }) {
    const pen = this._pen;
    Object.assign(pen, { font, textAlign: "center", textBaseline: "middle", lineJoin: "round" });
    pen.letterSpacing = `${look.spacing}px`;
    pen.fillStyle = look.colour;
    pen.strokeStyle = HALO;
    if (dot) this._dot(x, y, capital);
    pen.lineWidth = 4;
    pen.strokeText(text, x, line);
    pen.fillText(text, x, line);
  },

  _dot(x, y, capital) {
    const pen = this._pen;
    pen.lineWidth = 2;
    pen.beginPath();
    pen.arc(x, y, capital ? 3.5 : 2.5, 0, 2 * Math.PI);
    pen.stroke();
    pen.fill();
    if (!capital) return;
    pen.fillStyle = "#0c0f13";
    pen.beginPath();
    pen.arc(x, y, 1.5, 0, 2 * Math.PI);
    pen.fill();
    pen.fillStyle = TOWN;
  },
});
