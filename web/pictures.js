// The tiles seen last, so that a tile still being made can show what is known of its place: its
// ancestor enlarged, its descendants reduced.

const KEPT = 160;
const SKETCH = 64; // pixels of the canvas under a waiting tile
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

  // The base map's tile above `coords`, or null where the tile itself is of the base map.
  baseAbove({ z, x, y }) {
    const up = z - this.#baseZoom;
    return up > 0 ? { z: this.#baseZoom, x: x >> up, y: y >> up } : null;
  }

  // Draws what is known of a tile's place; false where nothing covers it.
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
      return true;
    }
    return false;
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
