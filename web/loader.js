// Fetches tiles: the nearest first, a few at a time, again after a failure, never more often than
// the server asks for. It fires "change" whenever its counts change.

const AT_ONCE = 6; // what a browser opens to one host over HTTP/1.1
const ATTEMPTS = 6; // for errors of the network and of the server
const BUSY_ATTEMPTS = 12; // for "busy, come back later"
const FIRST_PAUSE = 500; // milliseconds
const LONGEST_PAUSE = 15_000;
const LONGEST_ANSWER = 90_000; // a busy server holds a request for a while before it answers
const LONGEST_WAIT = 120_000; // a server that asks for more is taken as a failure

const BUSY = new Set([429, 503]);

// Milliseconds that a Retry-After header (seconds or a date) asks for; null without one.
export function retryAfter(header, now = Date.now()) {
  if (header === null || header.trim() === "") return null;
  if (/^\s*\d+\s*$/.test(header)) return Number(header) * 1000;
  const date = /^\s*[A-Z][a-z]+,/.test(header) ? Date.parse(header) : NaN;
  return Number.isNaN(date) ? null : Math.max(0, date - now);
}

// Exponential with jitter, so that many viewers do not come back in step.
export function pause(attempt, random = Math.random()) {
  const longest = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (attempt - 1));
  return longest * (0.5 + 0.5 * random);
}

export class TileFailure extends Error {}

async function describe(response) {
  try {
    const problem = await response.json();
    return String(problem.detail || problem.title);
  } catch {
    return `the server answered ${response.status}`;
  }
}

export class TileLoader extends EventTarget {
  #queue = new Set();
  #active = 0;
  #resumeAt = 0;
  #timer = 0;

  // Counts since the loader was last idle.
  counts = { total: 0, done: 0 };

  get pending() {
    return this.counts.total - this.counts.done;
  }

  // Milliseconds until the server may be asked again; 0 when it is not busy.
  get busyFor() {
    return Math.max(0, this.#resumeAt - performance.now());
  }

  // A promise of the tile as a Blob. `priority` is a function: the smallest value goes first.
  // Rejects with a TileFailure, or with the signal's reason when `signal` is aborted.
  load(url, { signal, priority, quiet = false }) {
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(signal.reason);
        return;
      }
      const task = { url, signal, priority, quiet, resolve, reject };
      Object.assign(task, { attempts: 0, busy: 0, notBefore: 0, active: false, over: false });
      task.onAbort = () => this.#finish(task, () => reject(signal.reason), true);
      signal.addEventListener("abort", task.onAbort, { once: true });
      if (!quiet) this.counts.total += 1;
      this.#queue.add(task);
      this.#changed();
      queueMicrotask(() => this.#pump());
    });
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }

  #finish(task, settle, dropped = false) {
    if (task.over) return;
    task.over = true;
    task.signal.removeEventListener("abort", task.onAbort);
    this.#queue.delete(task);
    if (!task.quiet) {
      if (dropped) this.counts.total -= 1;
      else this.counts.done += 1;
      if (this.pending === 0) this.counts = { total: 0, done: 0 };
    }
    settle();
    this.#changed();
  }

  #next(now) {
    let best = null;
    let rank = Infinity;
    for (const task of this.#queue) {
      if (task.active || task.notBefore > now) continue;
      const value = task.priority();
      if (value < rank) [best, rank] = [task, value];
    }
    return best;
  }

  #pump() {
    clearTimeout(this.#timer);
    const now = performance.now();
    while (this.#active < AT_ONCE && now >= this.#resumeAt) {
      const task = this.#next(now);
      if (task === null) break;
      this.#start(task);
    }
    const waits = [...this.#queue].filter((task) => !task.active).map((task) => task.notBefore);
    if (waits.length === 0 || this.#active >= AT_ONCE) return;
    const wake = Math.max(this.#resumeAt, Math.min(...waits));
    this.#timer = setTimeout(() => this.#pump(), Math.max(0, wake - now) + 1);
  }

  async #start(task) {
    task.active = true;
    this.#active += 1;
    try {
      await this.#attempt(task);
    } catch {
      if (!task.over) this.#again(task, "the server cannot be reached");
    } finally {
      task.active = false;
      this.#active -= 1;
      this.#pump();
    }
  }

  async #attempt(task) {
    const limit = AbortSignal.any?.([task.signal, AbortSignal.timeout(LONGEST_ANSWER)]);
    const response = await fetch(task.url, { signal: limit ?? task.signal });
    if (response.ok) {
      const blob = await response.blob();
      this.#finish(task, () => task.resolve(blob));
    } else if (BUSY.has(response.status)) {
      this.#yield(task, retryAfter(response.headers.get("Retry-After")));
    } else {
      const reason = await describe(response);
      if (response.status < 500) this.#finish(task, () => task.reject(new TileFailure(reason)));
      else this.#again(task, reason);
    }
  }

  // The server is busy: everybody waits for as long as it asks.
  #yield(task, asked) {
    task.busy += 1;
    const own = pause(task.busy);
    const wait = asked === null ? own : Math.max(asked + Math.random() * 250, own);
    if (task.busy >= BUSY_ATTEMPTS || wait > LONGEST_WAIT) {
      const failure = new TileFailure("the server is too busy");
      this.#finish(task, () => task.reject(failure));
      return;
    }
    task.notBefore = performance.now() + wait;
    if (asked !== null) {
      this.#resumeAt = Math.max(this.#resumeAt, performance.now() + asked);
    }
    this.#changed();
  }

  #again(task, reason) {
    task.attempts += 1;
    if (task.attempts >= ATTEMPTS) {
      const failure = new TileFailure(navigator.onLine ? reason : "you are offline");
      this.#finish(task, () => task.reject(failure));
      return;
    }
    task.notBefore = performance.now() + pause(task.attempts);
  }
}
