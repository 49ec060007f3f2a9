// The tiles seen last, so that a tile still being made can show what is known of its place: its
// ancestor enlarged, its descendants reduced.

const KEPT = 160;
const SKETCH = 128; // pixels of the canvas under a waiting tile: as fine as its parent
const TILE = 256;

export class Pictures {
  #images = new Map();
  #baseZoom;

  constructor(baseZoom) {
    this.#baseZoom = baseZoom;
  }

  // Every world shares the base map, so its tiles are known under one name.
  #key(seed, z, x, y) {
    return `${z <= this.#baseZoom ? "base" : seed}/${z}/${x}/${y}`;
  }

  add(seed, { z, x, y }, image) {
    const key = this.#key(seed, z, x, y);
    this.#images.delete(key);
    this.#images.set(key, image);
    if (this.#images.size > KEPT) this.#images.delete(this.#images.keys().next().value);
  }

  get(seed, z, x, y) {
    const key = this.#key(seed, z, x, y);
    const image = this.#images.get(key);
    if (image) {
      this.#images.delete(key);
      this.#images.set(key, image);
    }
    return image;
  }

  // The tiles over `coords` that it is made from, the coarsest first: the base map's, then one of
  // every stage, which lie two zooms apart.
  madeFrom({ z, x, y }) {
    const tiles = [];
    for (let zoom = this.#baseZoom; zoom < z; zoom += 2) {
      tiles.push({ z: zoom, x: x >> (z - zoom), y: y >> (z - zoom) });
    }
    return tiles;
  }

  // Draws what is known of a tile's place; returns the zoom that covers it all, -1 without one.
  sketch(canvas, seed, coords) {
    canvas.width = SKETCH;
    canvas.height = SKETCH;
    const context = canvas.getContext("2d");
    context.imageSmoothingQuality = "high";
    const covered = this.#drawAncestor(context, seed, coords);
    this.#drawDescendants(context, seed, coords, 2);
    this.#drawDescendants(context, seed, coords, 1);
    return covered;
  }

  #drawAncestor(context, seed, { z, x, y }) {
    for (let up = 0; up <= z; up += 1) {
      const image = this.get(seed, z - up, x >> up, y >> up);
      if (!image) continue;
      const size = SKETCH * 2 ** up;
      const offset = (value) => -SKETCH * (value - ((value >> up) << up));
      context.drawImage(image, 0, 0, TILE, TILE, offset(x), offset(y), size, size);
      return z - up;
    }
    return -1;
  }

  #drawDescendants(context, seed, { z, x, y }, down) {
    const across = 2 ** down;
    const size = SKETCH / across;
    for (let index = 0; index < across * across; index += 1) {
      const column = index % across;
      const row = Math.floor(index / across);
      const image = this.get(seed, z + down, x * across + column, y * across + row);
      if (image) context.drawImage(image, column * size, row * size, size, size);
    }
  }
}
