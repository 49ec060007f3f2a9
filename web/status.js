// Feedback while tiles are made: a thin bar, a count, and what to do when some could not be made.

const CALM = 350; // milliseconds of work before anything is said
const QUIET = 2500; // milliseconds between sentences for a screen reader

export const tiles = (count) => (count === 1 ? "1 tile" : `${count} tiles`);

export class Status {
  #loader;
  #layers;
  #parts;
  #since = 0;
  #reason = "";
  #spoken = { text: "", at: -QUIET };
  #frame = 0;

  // `layers` is a function: the world layers that are on the map.
  constructor(loader, layers, parts) {
    this.#loader = loader;
    this.#layers = layers;
    this.#parts = parts;
    loader.addEventListener("change", () => this.touch());
    parts.retry.addEventListener("click", () => this.retry());
    window.addEventListener("online", () => this.retry());
    setInterval(() => this.touch(), 500);
  }

  // A tile failed for good.
  failure(reason) {
    this.#reason = reason;
    this.touch();
  }

  retry() {
    for (const layer of this.#layers()) layer.retry();
    this.touch();
  }

  touch() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.#show();
    });
  }

  #show() {
    const { counts, pending, busyFor } = this.#loader;
    if (pending === 0) this.#since = 0;
    else this.#since ||= performance.now();
    const working = this.#since > 0 && performance.now() - this.#since > CALM;
    const failed = this.#layers().reduce((sum, layer) => sum + layer.failed().length, 0);
    this.#bar(working, counts);
    const text = this.#sentence(working, pending, busyFor, failed);
    const { pill, text: line, reason, retry } = this.#parts;
    const over = failed > 0 && !working;
    if (text) {
      line.textContent = text;
      reason.textContent = over ? this.#reason : "";
      pill.dataset.kind = over ? "failed" : "working";
      retry.hidden = !over;
    }
    pill.classList.toggle("shown", text !== "");
    this.#speak(text, working);
  }

  #bar(working, { total, done }) {
    const { bar } = this.#parts;
    bar.classList.toggle("shown", working);
    const share = total ? Math.max(0.04, done / total) : 1;
    bar.firstElementChild.style.transform = `scaleX(${share.toFixed(3)})`;
    bar.setAttribute("aria-valuenow", Math.round(share * 100));
  }

  #sentence(working, pending, busyFor, failed) {
    if (working && busyFor > 0) {
      return `The server is busy. Trying again in ${Math.ceil(busyFor / 1000)} s`;
    }
    if (working) return `Making ${tiles(pending)}`;
    if (failed) return `${tiles(failed)} could not be made`;
    return "";
  }

  #speak(text, working) {
    const now = performance.now();
    const said = this.#spoken;
    const next = text || (said.text ? "All tiles are here" : "");
    if (next === said.text || (working && now - said.at < QUIET)) return;
    if (next === "All tiles are here" && said.text === next) return;
    this.#spoken = { text: text ? next : "", at: now };
    this.#parts.live.textContent = next;
  }
}
