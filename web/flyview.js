// Flies: draws the frames of a flight on a canvas over the map, and asks for the tiles ahead first.
// Where these are not there yet the flight slows down and waits, rather than show a blur.

import { layers, levelOf, windowOf } from "./flypath.js";
import { BASE_ZOOM, latitudeOf } from "./mercator.js";

const AHEAD = [0, 0.3, 0.6, 1, 1.5, 2, 3, 4, 5, 6, 8, 10, 12]; // seconds
const NEAR = 1; // what must be there for full speed
const ASK_EVERY = 250; // milliseconds
const KEPT = 500; // decoded tiles
const COARSER = 0.5; // octaves by which tiles may be coarser than the window's pixels

const keyOf = ({ z, x, y }) => `${z}/${x}/${y}`;

// The tiles of a world, decoded, fetched in the order in which they will be seen.
class Ahead {
  #tiles = new Map(); // key -> { image, settled, due, abort }

  constructor(services, seed) {
    this.services = services;
    this.seed = seed;
  }

  image(coords) {
    return this.#tiles.get(keyOf(coords))?.image;
  }

  settled(coords) {
    return Boolean(this.#tiles.get(keyOf(coords))?.settled);
  }

  // How many tiles are not there yet that are due within some seconds.
  missing(seconds) {
    const late = ({ settled, due }) => !settled && due <= seconds;
    return [...this.#tiles.values()].filter(late).length;
  }

  // wanted: key -> { coords, due }; what is under way and not wanted any more is given up.
  ask(wanted) {
    for (const [key, tile] of this.#tiles) {
      if (!tile.settled && !wanted.has(key)) {
        tile.abort.abort();
        this.#tiles.delete(key);
      }
    }
    for (const [key, { coords, due }] of wanted) {
      const tile = this.#tiles.get(key);
      if (!tile) this.#fetch(key, coords, due);
      else {
        tile.due = due;
        this.#tiles.delete(key);
        this.#tiles.set(key, tile);
      }
    }
    for (const [key, tile] of this.#tiles) {
      if (this.#tiles.size <= KEPT) break;
      if (!wanted.has(key)) this.#forget(key, tile);
    }
  }

  close() {
    for (const [key, tile] of this.#tiles) this.#forget(key, tile);
  }

  #forget(key, tile) {
    tile.abort.abort();
    tile.image?.close();
    this.#tiles.delete(key);
  }

  async #fetch(key, coords, due) {
    const { loader, urlOf } = this.services;
    const tile = { image: null, settled: false, due, abort: new AbortController() };
    this.#tiles.set(key, tile);
    const options = { signal: tile.abort.signal, priority: () => tile.due, quiet: true };
    try {
      const image = await createImageBitmap(await loader.load(urlOf(this.seed, coords), options));
      if (tile.abort.signal.aborted) image.close();
      else tile.image = image;
    } catch {
      // A tile that could not be made: what lies above it is shown, and the flight goes on.
    }
    tile.settled = true;
  }
}

export class FlightView {
  #canvas;
  #sheets = [0, 1].map(() => document.createElement("canvas"));
  #ahead;
  #finest;
  #frame = 0;
  #last = 0;
  #asked = -Infinity;
  #rate = 0;
  #time = 0;

  // onFrame({ camera, missing }) hears of every frame, with the number of tiles that it waits for;
  // onEnd(camera) of the end.
  constructor(canvas, services, { flight, seed, onFrame, onEnd }) {
    this.#canvas = canvas;
    this.flight = flight;
    this.onFrame = onFrame;
    this.onEnd = onEnd;
    this.#ahead = new Ahead(services, seed);
    this.#finest = services.lastZoom;
    this.#frame = requestAnimationFrame((now) => this.#step(now));
  }

  // Ends the flight where it is.
  stop() {
    cancelAnimationFrame(this.#frame);
    this.#ahead.close();
    this.onEnd(this.camera());
  }

  camera(time = this.#time) {
    return this.flight.camera(time, this.#size());
  }

  #size() {
    return { width: window.innerWidth, height: window.innerHeight };
  }

  #step(now) {
    const passed = Math.min(0.1, (now - (this.#last || now)) / 1000);
    this.#last = now;
    if (now - this.#asked > ASK_EVERY) {
      this.#asked = now;
      this.#ask();
    }
    const near = AHEAD.filter((seconds) => seconds <= NEAR);
    const ready = near.findIndex((seconds) => !this.#ready(this.#time + seconds));
    const wish = ready < 0 ? 1 : Math.max(0, ready - 1) / near.length;
    this.#rate += (wish - this.#rate) * Math.min(1, passed * 4);
    this.#time += passed * (wish === 0 && this.#rate < 0.05 ? 0 : this.#rate);
    const camera = this.camera();
    if (ready !== 0) this.#canvas.classList.add("shown");
    this.#draw(camera);
    this.onFrame({ camera, missing: wish < 0.5 ? this.#ahead.missing(NEAR) : 0 });
    if (this.#time >= this.flight.seconds) this.stop();
    else this.#frame = requestAnimationFrame((next) => this.#step(next));
  }

  #layers(camera) {
    return layers(levelOf(camera) - COARSER, this.#finest);
  }

  // The tiles that are seen at a time.
  *#seen(time) {
    const size = this.#size();
    const camera = this.flight.camera(time, size);
    for (const { zoom } of this.#layers(camera)) {
      const view = windowOf(camera, zoom, size);
      const across = 2 ** zoom;
      for (let y = view.rows[0]; y <= view.rows[1]; y += 1) {
        for (let x = view.columns[0]; x <= view.columns[1]; x += 1) {
          yield { z: zoom, x: ((x % across) + across) % across, y };
        }
      }
    }
  }

  #ready(time) {
    for (const coords of this.#seen(Math.min(time, this.flight.seconds))) {
      if (!this.#ahead.settled(coords)) return false;
    }
    return true;
  }

  #ask() {
    const wanted = new Map();
    for (const seconds of AHEAD) {
      if (seconds > 0 && this.#time + seconds > this.flight.seconds + 2) break;
      for (const coords of this.#seen(Math.min(this.#time + seconds, this.flight.seconds))) {
        const up = Math.max(0, coords.z - BASE_ZOOM);
        const base = { z: coords.z - up, x: coords.x >> up, y: coords.y >> up };
        for (const [each, due] of [[base, seconds - 1], [coords, seconds]]) {
          const key = keyOf(each);
          if (!wanted.has(key)) wanted.set(key, { coords: each, due });
        }
      }
    }
    this.#ahead.ask(wanted);
  }

  #draw(camera) {
    const { width, height } = this.#size();
    const dots = Math.min(2, window.devicePixelRatio || 1);
    const canvas = this.#canvas;
    const [across, down] = [width, height].map((side) => Math.round(side * dots));
    if (canvas.width !== across || canvas.height !== down) {
      Object.assign(canvas, { width: across, height: down });
    }
    const context = canvas.getContext("2d", { alpha: false });
    context.imageSmoothingQuality = "high";
    this.#layers(camera).forEach(({ zoom, weight }, index) => {
      const view = windowOf(camera, zoom, { width, height });
      const sheet = this.#sheet(this.#sheets[index], view);
      const [left, top] = [view.left - view.columns[0] * 256, view.top - view.rows[0] * 256];
      context.globalAlpha = weight;
      const [wide, high] = [width * view.ratio, height * view.ratio];
      context.drawImage(sheet, left, top, wide, high, 0, 0, across, down);
    });
    context.globalAlpha = 1;
  }

  // All tiles of a view side by side, so that scaling them shows no seams. What is not there yet is
  // its nearest ancestor, enlarged.
  #sheet(sheet, { zoom, columns, rows }) {
    const [wide, high] = [columns[1] - columns[0] + 1, rows[1] - rows[0] + 1];
    const tiles = [];
    for (let row = 0; row < high; row += 1) {
      for (let column = 0; column < wide; column += 1) {
        const x = (((columns[0] + column) % 2 ** zoom) + 2 ** zoom) % 2 ** zoom;
        tiles.push({ column, row, ...this.#nearest({ z: zoom, x, y: rows[0] + row }) });
      }
    }
    const name = [zoom, columns, rows, tiles.map(({ up }) => up)].join(" ");
    if (sheet.dataset.shows === name) return sheet;
    sheet.dataset.shows = name;
    Object.assign(sheet, { width: wide * 256, height: high * 256 });
    const context = sheet.getContext("2d", { alpha: false });
    for (const { column, row, image, up, coords } of tiles) {
      if (!image) continue;
      const side = 256 / 2 ** up;
      const [x, y] = [coords.x, coords.y].map((value) => (value - ((value >> up) << up)) * side);
      context.drawImage(image, x, y, side, side, column * 256, row * 256, 256, 256);
    }
    return sheet;
  }

  #nearest(coords) {
    for (let up = 0; up <= coords.z; up += 1) {
      const { z, x, y } = coords;
      const image = this.#ahead.image({ z: z - up, x: x >> up, y: y >> up });
      if (image) return { image, up, coords };
    }
    return { image: null, up: -1, coords };
  }
}

// The map's view that is nearest to what a camera shows.
export function viewOf(camera, maxZoom) {
  const zoom = Math.min(maxZoom, Math.max(0, Math.round(levelOf(camera))));
  return { lat: latitudeOf(camera.y), lng: (camera.x - 0.5) * 360, zoom };
}
