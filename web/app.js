// The viewer: makes the map and its two worlds, and connects them to the page's controls.

import { Address, parseView } from "./address.js";
import { listenToKeys } from "./keys.js";
import { WorldLayer } from "./layer.js";
import { TileLoader } from "./loader.js";
import { Pictures } from "./pictures.js";
import { PLACES } from "./places.js";
import { Readout } from "./readout.js";
import { randomSeed } from "./seed.js";
import { Status } from "./status.js";
import { Swipe } from "./swipe.js";
import { WorldControl } from "./world.js";

const L = window.L;
const MAX_ZOOM = 17; // two more than the server makes: the last tiles, enlarged
const BASE_ZOOM = 5;
const EDGE = 85.0511287798; // Web Mercator's last latitude
const SAME = `All worlds look the same up to zoom ${BASE_ZOOM}.`;
const START = { zoom: 3, lat: 24, lng: 8 };

const element = (id) => document.getElementById(id);
const calmMotion = matchMedia("(prefers-reduced-motion: reduce)");
const narrow = matchMedia("(max-width: 640px), (max-height: 520px)");
const root = new URL(".", document.baseURI);

// /api/info, with its seed as text: JSON.parse would round a large one. {} where there is none.
async function readInfo() {
  try {
    const response = await fetch(new URL("api/info", root), { signal: AbortSignal.timeout(5000) });
    if (!response.ok) return {};
    const text = await response.text();
    const seed = /"(?:default_)?seed"\s*:\s*"?(\d+)"?/.exec(text)?.[1];
    return { ...JSON.parse(text), seed };
  } catch {
    return {};
  }
}

function makeMap() {
  const still = calmMotion.matches;
  const map = L.map("map", {
    zoomControl: false,
    attributionControl: false,
    keyboard: false,
    fadeAnimation: false,
    zoomAnimation: !still,
    inertia: !still,
    minZoom: 0,
    maxZoom: MAX_ZOOM,
    maxBounds: [[-EDGE, -1e6], [EDGE, 1e6]],
    maxBoundsViscosity: 1,
  });
  for (const name of ["left", "right"]) map.createPane(name).style.zIndex = 200;
  return map;
}

let toastTimer = 0;
function toast(text, seconds = 4) {
  const box = element("toast");
  box.textContent = text;
  box.classList.add("shown");
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => box.classList.remove("shown"), seconds * 1000);
}

async function copyLink(address) {
  address.flush();
  try {
    await navigator.clipboard.writeText(location.href);
    toast("Link to this view copied");
  } catch {
    toast(`Copy the address from the address bar: ${location.href}`, 12);
  }
}

function fillPlaces(goTo) {
  const items = PLACES.map((place) => {
    const button = document.createElement("button");
    button.type = "button";
    const kind = document.createElement("b");
    kind.textContent = place.kind;
    const name = document.createElement("span");
    name.textContent = place.name;
    button.append(kind, name);
    button.addEventListener("click", () => {
      element("places").hidePopover();
      goTo(place);
    });
    const item = document.createElement("li");
    item.append(button);
    return item;
  });
  element("places").querySelector("ul").replaceChildren(...items);
}

function foldPanel() {
  const fold = element("fold");
  const set = (open) => {
    fold.setAttribute("aria-expanded", open);
    element("panel").classList.toggle("closed", !open);
  };
  fold.addEventListener("click", () => set(fold.getAttribute("aria-expanded") !== "true"));
  narrow.addEventListener("change", () => set(!narrow.matches));
  set(!narrow.matches);
  return set;
}

function start(view, problems, info) {
  const map = makeMap();
  const loader = new TileLoader();
  const urlOf = (seed, { z, x, y }) => new URL(`${seed}/${z}/${x}/${y}.png`, root).href;
  const services = { loader, pictures: new Pictures(BASE_ZOOM), urlOf };
  const left = new WorldLayer(view.seed, services, { pane: "left" });
  const right = new WorldLayer(view.other ?? view.seed, services, { pane: "right" });

  const current = () => ({
    zoom: map.getZoom(),
    ...map.getCenter(),
    seed: left.worldSeed(),
    other: swipe.on ? right.worldSeed() : null,
    split: swipe.split,
  });
  const swipe = new Swipe(map, element("divider"), { left, right }, () => address.touch());

  const showSeeds = () => {
    const [a, b] = [left.worldSeed(), right.worldSeed()];
    world.show(a);
    other.show(b);
    element("other").hidden = !swipe.on;
    element("compare").setAttribute("aria-pressed", swipe.on);
    element("folded").textContent = swipe.on ? `${a} | ${b}` : `World ${a}`;
    document.title = swipe.on ? `Worlds ${a} and ${b} · Elsewhere` : `World ${a} · Elsewhere`;
    element("divider").querySelector(".tag-left").textContent = `World ${a}`;
    element("divider").querySelector(".tag-right").textContent = `World ${b}`;
  };
  const changeWorld = (layer, seed) => {
    address.mark();
    layer.setSeed(seed);
    showSeeds();
    address.flush();
    if (map.getZoom() <= BASE_ZOOM) toast(`${SAME} Zoom in to see this one.`);
  };
  const world = new WorldControl(element("world"), (seed) => changeWorld(left, seed));
  const other = new WorldControl(element("other"), (seed) => changeWorld(right, seed));

  const compare = (on) => {
    if (on === swipe.on) return;
    address.mark();
    if (on) right.setSeed(right.worldSeed() === left.worldSeed() ? randomSeed() : right.worldSeed());
    swipe.show(on);
    showSeeds();
    address.flush();
    if (on) element("divider").focus({ preventScroll: true });
    if (on && map.getZoom() <= BASE_ZOOM) toast(`${SAME} Zoom in to compare.`);
  };
  const goTo = (place) => {
    address.mark();
    map.setView([place.lat, place.lng], place.zoom, { animate: false });
    address.flush();
  };
  const apply = (next) => {
    left.setSeed(next.seed ?? left.worldSeed());
    if (next.other !== null) right.setSeed(next.other);
    if (next.zoom !== null) map.setView([next.lat, next.lng], next.zoom, { animate: false });
    swipe.moveTo(next.split);
    swipe.show(next.other !== null);
    showSeeds();
  };
  const address = new Address(current, (hash) => {
    const parsed = parseView(hash, MAX_ZOOM);
    apply(parsed.view);
    address.flush();
    if (parsed.problems.length) toast(parsed.problems[0], 8);
  });

  map.setView([view.lat, view.lng], view.zoom, { animate: false });
  left.addTo(map);
  apply(view);
  connect({ map, loader, layers: { left, right }, swipe, world, compare, goTo, address, info });
  address.flush();
  if (problems.length) toast(problems[0], 8);
}

function connect({ map, loader, layers, swipe, world, compare, goTo, address, info }) {
  const shown = () => (swipe.on ? [layers.left, layers.right] : [layers.left]);
  const pill = element("status");
  const status = new Status(loader, shown, {
    bar: element("progress"),
    pill,
    text: pill.querySelector("[data-part=text]"),
    reason: pill.querySelector("[data-part=reason]"),
    retry: pill.querySelector("[data-part=retry]"),
    live: element("live"),
  });
  for (const layer of Object.values(layers)) {
    layer.on("worldfailure", ({ reason }) => status.failure(reason));
  }
  const readout = new Readout(map, element("readout"));
  info.then((known) => {
    readout.setStages(known.stages);
    if (known.attribution) element("credit").textContent = known.attribution;
    if (known.version) element("model").textContent = `Elsewhere ${known.version}.`;
  });

  const setFold = foldPanel();
  fillPlaces((place) => {
    if (narrow.matches) setFold(false);
    goTo(place);
  });
  map.on("moveend", () => address.touch());
  map.on("dragstart", () => narrow.matches && setFold(false));
  const zooms = () => {
    element("zoom-in").disabled = map.getZoom() >= MAX_ZOOM;
    element("zoom-out").disabled = map.getZoom() <= 0;
  };
  map.on("zoomend", zooms);
  zooms();
  const click = (id, act) => element(id).addEventListener("click", act);
  const ask = () => element("about").showModal();
  const places = element("places");
  click("zoom-in", () => map.zoomIn(1));
  click("zoom-out", () => map.zoomOut(1));
  click("compare", () => compare(!swipe.on));
  click("stop-compare", () => compare(false));
  click("copy", () => copyLink(address));
  click("ask", ask);
  click("about", (event) => event.target === event.currentTarget && element("about").close());
  listenToKeys(map, {
    n: () => world.random(),
    "[": () => world.step(-1),
    "]": () => world.step(1),
    c: () => compare(!swipe.on),
    g: () => places.togglePopover(),
    l: () => copyLink(address),
    "?": ask,
    Escape: () => (places.matches(":popover-open") ? places.hidePopover() : compare(false)),
  }, () => calmMotion.matches);
}

const info = readInfo();
const { view, problems } = parseView(location.hash, MAX_ZOOM);
view.seed ??= (await info).seed ?? "0";
if (view.zoom === null) Object.assign(view, START);
start(view, problems, info);
