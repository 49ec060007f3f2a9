// Two worlds side by side under one divider, moved by pointer or keyboard.

const STEP = 0.02;
const STRIDE = 0.1;

export class Swipe {
  #map;
  #divider;
  #layers;
  #split = 0.5;
  #on = false;
  #onMove;
  #lastStrip = 0;

  // `layers`: left and right, each in the pane of its name. `onMove` hears of a moved divider.
  constructor(map, divider, layers, onMove) {
    this.#map = map;
    this.#divider = divider;
    this.#layers = layers;
    this.#onMove = onMove;
    map.on("move resize zoomend viewreset moveend", () => this.#clip());
    map.on("resize", () => this.#on && this.#strips());
    divider.addEventListener("pointerdown", (event) => this.#grab(event));
    divider.addEventListener("keydown", (event) => this.#key(event));
  }

  get on() {
    return this.#on;
  }

  get split() {
    return this.#split;
  }

  show(on) {
    this.#on = on;
    this.#strips();
    const { right } = this.#layers;
    if (on && !this.#map.hasLayer(right)) right.addTo(this.#map);
    if (!on && this.#map.hasLayer(right)) right.remove();
    this.#divider.hidden = !on;
    this.moveTo(this.#split);
  }

  moveTo(split) {
    this.#split = Math.min(1, Math.max(0, split));
    const percent = Math.round(this.#split * 100);
    this.#divider.style.left = `${this.#split * 100}%`;
    this.#divider.setAttribute("aria-valuenow", percent);
    this.#divider.setAttribute("aria-valuetext", `${percent} % of the view shows the first world`);
    this.#clip();
    const now = performance.now();
    if (now - this.#lastStrip > 150) this.#strips();
  }

  #clip() {
    const panes = ["left", "right"].map((name) => this.#map.getPane(name));
    if (!this.#on) {
      for (const pane of panes) pane.style.clipPath = "";
      return;
    }
    const { x: width, y: height } = this.#map.getSize();
    const corner = this.#map.containerPointToLayerPoint([0, 0]);
    const edge = this.#split * width;
    const box = (left, right) => {
      const [x0, x1] = [corner.x + left, corner.x + right].map((x) => `${x}px`);
      const [y0, y1] = [corner.y, corner.y + height].map((y) => `${y}px`);
      return `polygon(${x0} ${y0}, ${x1} ${y0}, ${x1} ${y1}, ${x0} ${y1})`;
    };
    panes[0].style.clipPath = box(0, edge);
    panes[1].style.clipPath = box(edge, width);
  }

  // Tells each layer which part of the view is its own, so that hidden tiles are not asked for.
  #strips() {
    this.#lastStrip = performance.now();
    const width = this.#map.getSize().x;
    const edge = this.#split * width;
    const { left, right } = this.#layers;
    left.setStrip(this.#on ? [0, edge] : null);
    if (this.#on) right.setStrip([edge, width]);
  }

  #settle() {
    this.#strips();
    this.#onMove();
  }

  #grab(event) {
    if (event.button !== 0) return;
    event.preventDefault();
    this.#divider.focus({ preventScroll: true });
    this.#divider.setPointerCapture(event.pointerId);
    const start = event.clientX - this.#divider.getBoundingClientRect().left;
    const middle = this.#divider.offsetWidth / 2;
    const drag = ({ clientX }) => {
      const frame = this.#map.getContainer().getBoundingClientRect();
      this.moveTo((clientX - start + middle - frame.left) / frame.width);
    };
    const drop = () => {
      this.#divider.removeEventListener("pointermove", drag);
      this.#settle();
    };
    this.#divider.addEventListener("pointermove", drag);
    this.#divider.addEventListener("lostpointercapture", drop, { once: true });
  }

  #key(event) {
    const step = event.shiftKey ? STRIDE : STEP;
    const moves = {
      ArrowLeft: this.#split - step,
      ArrowDown: this.#split - step,
      ArrowRight: this.#split + step,
      ArrowUp: this.#split + step,
      PageDown: this.#split - STRIDE,
      PageUp: this.#split + STRIDE,
      Home: 0,
      End: 1,
    };
    if (!(event.key in moves) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    this.moveTo(moves[event.key]);
    this.#settle();
  }
}
