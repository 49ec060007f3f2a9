// The Leaflet layer of one world: tiles come through the loader, the middle of the view first. Until
// one is there it shows a sketch: what it is made from, enlarged, ever finer. All is given up as
// soon as it leaves the view.

import { TileFailure } from "./loader.js";

const L = window.L;
const AHEAD = 0.75; // by so many tiles' distance a sketch's tile goes before the tile itself

function part(name, className) {
  const element = document.createElement(name);
  element.className = className;
  return element;
}

async function decode(blob) {
  const image = part("img", "tile-image");
  image.alt = "";
  image.draggable = false;
  const url = URL.createObjectURL(blob);
  try {
    image.src = url;
    await image.decode();
  } catch {
    throw new TileFailure("the server sent something that is not a picture");
  } finally {
    URL.revokeObjectURL(url);
  }
  return image;
}

export const WorldLayer = L.GridLayer.extend({
  options: {
    tileSize: 256,
    minZoom: 0,
    keepBuffer: 2,
    updateWhenZooming: false,
    className: "world-layer",
  },

  // `services`: the loader, the pictures and urlOf(seed, coords). `options` name the finest zoom
  // that the server makes, maxNativeZoom, and the map's.
  initialize(seed, services, options) {
    L.setOptions(this, options);
    this._seed = seed;
    this._services = services;
    this._side = null;
    this._above = new Map(); // tiles that are asked for because others are made from them
  },

  worldSeed() {
    return this._seed;
  },

  onAdd(map) {
    L.GridLayer.prototype.onAdd.call(this, map);
    this.on("tileunload", this._giveUp, this);
  },

  onRemove(map) {
    L.GridLayer.prototype.onRemove.call(this, map);
    this.off("tileunload", this._giveUp, this);
    this._dropAbove();
  },

  setSeed(seed) {
    if (seed === this._seed) return;
    this._seed = seed;
    this._dropAbove();
    this.redraw();
  },

  // The strip of the map, [left, right] in container pixels, that this layer shows; null for all.
  setStrip(strip) {
    this._side = strip;
    if (this._map && !this._map._animatingZoom) this._update();
  },

  failed() {
    return Object.values(this._tiles).filter(({ el }) => el.dataset.state === "failed");
  },

  retry() {
    for (const { el } of this.failed()) this._fetch(el);
  },

  createTile(coords, done) {
    const tile = part("div", "tile");
    const under = part("canvas", "tile-under");
    tile.append(under);
    tile.world = { coords: { z: coords.z, x: coords.x, y: coords.y }, seed: this._seed, under };
    tile.dataset.address = `${this._seed}/${coords.z}/${coords.x}/${coords.y}`;
    this._sketch(tile);
    const fetched = this._fetch(tile);
    const { abort } = tile.world;
    fetched.then(() => abort.signal.aborted || done(null, tile));
    return tile;
  },

  async _fetch(tile) {
    const { coords, seed } = tile.world;
    const { loader, pictures, urlOf } = this._services;
    const abort = new AbortController();
    tile.world.abort = abort;
    tile.dataset.state = "waiting";
    const priority = () => this._distance(coords);
    try {
      const blob = await loader.load(urlOf(seed, coords), { signal: abort.signal, priority });
      const image = await decode(blob);
      if (abort.signal.aborted) return;
      tile.append(image);
      tile.dataset.state = "ready";
      pictures.add(seed, coords, image);
      this._tidyAbove();
    } catch (error) {
      if (abort.signal.aborted) return;
      tile.dataset.state = "failed";
      const reason = error instanceof TileFailure ? error.message : String(error);
      this.fire("worldfailure", { reason });
    }
  },

  // Draws what is known of the tile's place, and asks for what it is made from: the server has to
  // make that first anyway, so a finer picture of its place comes for nothing.
  _sketch(tile) {
    const { coords, seed, under } = tile.world;
    const { pictures } = this._services;
    const known = pictures.sketch(under, seed, coords);
    for (const above of pictures.madeFrom(coords)) {
      if (above.z > known) this._askAbove(above, coords);
    }
  },

  async _askAbove(above, coords) {
    const key = `${above.z}/${above.x}/${above.y}`;
    if (this._above.has(key)) return;
    const { loader, pictures, urlOf } = this._services;
    const seed = this._seed;
    const abort = new AbortController();
    this._above.set(key, { above, abort });
    const priority = () => this._distance(coords) - AHEAD;
    const options = { signal: abort.signal, priority, quiet: true };
    try {
      pictures.add(seed, above, await decode(await loader.load(urlOf(seed, above), options)));
      for (const { world } of this._missing(above)) {
        pictures.sketch(world.under, world.seed, world.coords);
      }
    } catch {
      // A sketch less; the tile itself will tell why.
    } finally {
      if (this._above.get(key)?.abort === abort) this._above.delete(key);
    }
  },

  // The tiles that are not there yet under a tile of a lower zoom.
  _missing({ z, x, y }) {
    return Object.values(this._tiles).map(({ el }) => el).filter(({ dataset, world }) => {
      const up = world.coords.z - z;
      const under = world.coords.x >> up === x && world.coords.y >> up === y;
      return dataset.state !== "ready" && up > 0 && under;
    });
  },

  // Gives up what nobody needs any more.
  _tidyAbove() {
    for (const { above, abort } of this._above.values()) {
      if (this._missing(above).length === 0) abort.abort();
    }
  },

  _dropAbove() {
    for (const { abort } of this._above.values()) abort.abort();
    this._above.clear();
  },

  // Distance from the middle of the view in tiles, across the dateline where that is shorter.
  _distance({ z, x, y }) {
    const across = 2 ** z;
    const middle = this._map.project(this._map.getCenter(), z).divideBy(256);
    const dx = (((x + 0.5 - middle.x) % across) + across) % across;
    return Math.hypot(Math.min(dx, across - dx), y + 0.5 - middle.y);
  },

  _giveUp({ tile }) {
    tile.world?.abort?.abort();
    this._tidyAbove();
  },

  // Leaflet calls this when the zoom changes: waiting tiles of other zooms are not wanted now.
  _abortLoading() {
    this._drop(({ coords }) => coords.z !== this._tileZoom);
  },

  _drop(unwanted) {
    for (const [key, tile] of Object.entries(this._tiles)) {
      if (tile.el.dataset.state === "waiting" && unwanted(tile)) this._removeTile(key);
    }
  },

  _update(center) {
    L.GridLayer.prototype._update.call(this, center);
    if (!this._map || center !== undefined || this._tileZoom === undefined) return;
    const seen = this._pxBoundsToTileRange(this._getTiledPixelBounds(this._map.getCenter()));
    this._drop(({ coords }) => !seen.contains(coords) || !this._inStrip(coords));
  },

  _isValidTile(coords) {
    return L.GridLayer.prototype._isValidTile.call(this, coords) && this._inStrip(coords);
  },

  _inStrip(coords) {
    if (!this._side || !this._map) return true;
    const [west, east] = [coords.x, coords.x + 1].map((x) => {
      const pixel = L.point(x, coords.y).multiplyBy(256);
      return this._map.latLngToContainerPoint(this._map.unproject(pixel, coords.z)).x;
    });
    return east > this._side[0] && west < this._side[1];
  },
});
