// The viewer: makes the map and its two worlds, and connects them to the page's controls.

import { Address, parseView } from "./address.js";
import { Flying } from "./fly.js";
import { lastZoomOf, readInfo } from "./info.js";
import { listenToKeys } from "./keys.js";
import { WorldLayer } from "./layer.js";
import { TileLoader } from "./loader.js";
import { BASE_ZOOM, BEYOND, MAP_EDGE } from "./mercator.js";
import { NamesLayer } from "./names.js";
import { Near } from "./near.js";
import { copy, element, foldPanel, narrow, toast } from "./page.js";
import { Pictures } from "./pictures.js";
import { PLACES } from "./places.js";
import { Readout } from "./readout.js";
import { Search } from "./search.js";
import { randomSeed } from "./seed.js";
import { Status } from "./status.js";
import { Swipe } from "./swipe.js";
import { WorldControl } from "./world.js";

const L = window.L;
const DEEP = 13; // where the imagery is at its best
const DIFFERENT = 9; // from this zoom on two worlds are seen to differ
const START = { zoom: 3, lat: 24, lng: 8 };

const calmMotion = matchMedia("(prefers-reduced-motion: reduce)");
const root = new URL(".", document.baseURI);

function makeMap(maxZoom) {
  const still = calmMotion.matches;
  const map = L.map("map", {
    zoomControl: false,
    attributionControl: false,
    keyboard: false,
    fadeAnimation: false,
    zoomAnimation: !still,
    inertia: !still,
    minZoom: 0,
    maxZoom,
    maxBounds: [[-MAP_EDGE, -1e6], [MAP_EDGE, 1e6]],
    maxBoundsViscosity: 1,
  });
  for (const name of ["left", "right"]) map.createPane(name).style.zIndex = 200;
  const names = map.createPane("names");
  Object.assign(names.style, { zIndex: 300, pointerEvents: "none" });
  return map;
}

class Viewer {
  // `info` is what /api/info says.
  constructor(view, info) {
    this.base = info.base_map;
    this.baseZoom = BASE_ZOOM;
    const lastZoom = lastZoomOf(info);
    this.maxZoom = lastZoom + BEYOND;
    this.earth = info.earth !== false;
    this.places = this.earth ? PLACES : null;
    const urlOf = (seed, { z, x, y }) => new URL(`${seed}/${z}/${x}/${y}.webp`, root).href;
    const loader = new TileLoader();
    const services = { loader, pictures: new Pictures(BASE_ZOOM), urlOf, lastZoom };
    const zooms = { maxNativeZoom: lastZoom, maxZoom: this.maxZoom };
    const layer = (seed, pane) => new WorldLayer(seed, services, { pane, ...zooms });
    this.map = makeMap(this.maxZoom);
    this.names = new NamesLayer();
    this.left = layer(view.seed, "left");
    this.right = layer(view.other ?? view.seed, "right");
    this.address = new Address(() => this.view(), (hash) => this.follow(hash));
    const { left, right } = this;
    this.swipe = new Swipe(this.map, element("divider"), { left, right }, () => {
      this.address.touch();
    });
    this.world = new WorldControl(element("world"), (seed) => this.changeWorld(left, seed));
    this.other = new WorldControl(element("other"), (seed) => this.changeWorld(right, seed));
    this.status = this.makeStatus(loader);
    this.map.setView([view.lat, view.lng], view.zoom, { animate: false });
    left.addTo(this.map);
    this.apply(view);
    this.readout = new Readout(this.map, element("readout"));
    this.search = new Search(element("search"), this.places, (place) => {
      if (this.flying.open) this.flying.add(place);
      else this.goTo(place);
    });
    this.flying = new Flying(this.map, services, {
      seed: () => left.worldSeed(),
      land: (view) => this.moveTo(view),
      search: this.search,
      calm: calmMotion,
    });
    if (this.earth) this.near = new Near(this.map, element("near"), loader);
    this.listen();
    this.learn(info);
    this.address.flush();
  }

  // What the URL says of this moment.
  view() {
    const { lat, lng } = this.map.getCenter();
    const other = this.swipe.on ? this.right.worldSeed() : null;
    const seed = this.left.worldSeed();
    return { zoom: this.map.getZoom(), lat, lng, seed, other, split: this.swipe.split, names: this.named };
  }

  apply(view) {
    this.left.setSeed(view.seed ?? this.left.worldSeed());
    if (view.other !== null) this.right.setSeed(view.other);
    if (view.zoom !== null) this.map.setView([view.lat, view.lng], view.zoom, { animate: false });
    this.swipe.moveTo(view.split);
    this.swipe.show(view.other !== null);
    this.showNames(view.names);
    this.nameWorlds();
  }

  // The URL's hash was changed by somebody else.
  follow(hash) {
    const { view, problems } = parseView(hash, this.maxZoom);
    this.apply(view);
    this.address.flush();
    if (problems.length) toast(problems[0], 8);
  }

  // Does something after which "back" should return to the view before it.
  jump(act) {
    this.address.mark();
    act();
    this.address.flush();
  }

  changeWorld(layer, seed) {
    this.jump(() => layer.setSeed(seed));
    this.nameWorlds();
    if (this.map.getZoom() <= this.baseZoom) toast(`${this.same()} Zoom in to see this one.`);
  }

  compare(on) {
    if (on === this.swipe.on) return;
    const { left, right, swipe } = this;
    this.jump(() => {
      if (on && right.worldSeed() === left.worldSeed()) right.setSeed(randomSeed());
      if (on && this.map.getZoom() < DIFFERENT) this.deepen();
      swipe.show(on);
    });
    this.nameWorlds();
    if (on) element("divider").focus({ preventScroll: true });
  }

  get named() {
    return this.map.hasLayer(this.names);
  }

  // Writes the names of the Earth's places on the map, or no more.
  async showNames(wanted) {
    const on = wanted && this.earth;
    if (on === this.named) return;
    if (on) this.names.addTo(this.map);
    else this.names.remove();
    element("names").setAttribute("aria-pressed", on);
    try {
      if (on) await this.names.load();
    } catch {
      toast("The names could not be loaded.");
      this.toggleNames(false);
    }
  }

  toggleNames(on = !this.named) {
    this.showNames(on);
    this.address.flush();
  }

  same() {
    return `All worlds look the same up to zoom ${this.baseZoom}.`;
  }

  // Zooms in to where worlds differ: the nearest view worth a look, else the middle.
  deepen() {
    const { map } = this;
    const middle = map.getCenter().wrap();
    const seen = map.getBounds();
    const [nearest] = (this.places ?? [])
      .filter(({ lat, lng, zoom }) => zoom >= DIFFERENT && seen.contains([lat, lng]))
      .sort((a, b) => middle.distanceTo([a.lat, a.lng]) - middle.distanceTo([b.lat, b.lng]));
    const { lat, lng, zoom } = nearest ?? { ...middle, zoom: DEEP };
    map.setView([lat, lng], zoom, { animate: false });
    toast(`${this.same()} So this is zoom ${zoom}${nearest ? `: ${nearest.name.toLowerCase()}` : ""}.`, 6);
  }

  moveTo({ lat, lng, zoom }) {
    if (narrow.matches) this.setFold(false);
    this.jump(() => this.map.setView([lat, lng], zoom, { animate: false }));
    element("map").focus({ preventScroll: true });
  }

  // A place chosen in the search; coordinates keep the zoom where it is deep.
  goTo({ name, lat, lng, zoom }) {
    const depth = zoom ?? Math.max(this.map.getZoom(), DEEP);
    this.moveTo({ lat, lng, zoom: depth });
    toast(depth > this.baseZoom ? `${name}: the position is Earth’s, the ground is invented.` : name, 5);
  }

  async copy() {
    this.address.flush();
    const { href } = location;
    if (await copy(href)) toast("Link to this view copied");
    else toast(`Copy the address from the address bar: ${href}`, 12);
  }

  fly() {
    if (narrow.matches) this.setFold(false);
    this.flying.toggle();
  }

  // Writes the worlds' numbers wherever the page shows them.
  nameWorlds() {
    const [a, b] = [this.left.worldSeed(), this.right.worldSeed()];
    const both = this.swipe.on;
    this.world.show(a);
    this.other.show(b);
    element("other").hidden = !both;
    element("compare").setAttribute("aria-pressed", both);
    element("connect").href = `connect#seed=${a}`;
    element("folded").textContent = both ? `Worlds ${a} and ${b}` : `World ${a}`;
    element("folded").classList.toggle("both", both);
    document.title = both ? `Worlds ${a} and ${b} · Elsewhere` : `World ${a} · Elsewhere`;
    element("divider").querySelector(".tag-left").textContent = `World ${a}`;
    element("divider").querySelector(".tag-right").textContent = `World ${b}`;
    this.flying?.refresh();
  }

  makeStatus(loader) {
    const { left, right } = this;
    const pill = element("status");
    const part = (name) => pill.querySelector(`[data-part=${name}]`);
    const status = new Status(loader, () => (this.swipe.on ? [left, right] : [left]), {
      bar: element("progress"),
      live: element("live"),
      pill,
      text: part("text"),
      reason: part("reason"),
      retry: part("retry"),
    });
    for (const layer of [left, right]) {
      layer.on("worldfailure", ({ reason }) => status.failure(reason));
    }
    return status;
  }

  // Tells what the server says of itself and of its base map.
  learn({ stages, version, credits = [] }) {
    this.readout.setStages(stages);
    if (stages?.length) this.nameZooms(stages);
    if (version) element("model").textContent = `Elsewhere ${version}.`;
    const { base, earth } = this;
    element("names").hidden = !earth;
    if (!base) return;
    const credit = ["Invented by Elsewhere", `base map: ${base}`, ...credits].join(" · ");
    element("credit").textContent = credit;
    element("credit").title = credit;
    if (credits.length) element("geography").textContent = `Geography: ${credits.join("; ")}.`;
    element("afar").textContent = earth
      ? "From afar this is the Earth as NASA saw it."
      : `From afar this is another planet, ${base}.`;
    if (earth) return;
    element("key-names").hidden = true;
    element("about-title").textContent = "A planet that is not there";
    document.querySelector("[data-part=what]").textContent = "An invented planet";
    document.querySelector("[data-part=planet]").textContent = "planet";
  }

  // Writes into the help which zooms are base map, drawn and averaged.
  nameZooms(stages) {
    const zooms = (wanted) => stages.filter(({ kind }) => kind === wanted).map(({ zoom }) => zoom);
    this.baseZoom = Math.max(...zooms("base map"));
    element("first").textContent = this.baseZoom + 1;
    for (const part of document.querySelectorAll("[data-zooms]")) {
      part.textContent = zooms(part.dataset.zooms).join(", ");
    }
  }

  listen() {
    const { map, search, flying } = this;
    this.setFold = foldPanel();
    map.on("moveend", () => this.address.touch());
    map.on("dragstart", () => narrow.matches && this.setFold(false));
    const zooms = () => {
      element("zoom-in").disabled = map.getZoom() >= this.maxZoom;
      element("zoom-out").disabled = map.getZoom() <= 0;
    };
    map.on("zoomend", zooms);
    zooms();
    const about = element("about");
    const toggle = () => this.compare(!this.swipe.on);
    const clicks = {
      "zoom-in": () => map.zoomIn(1),
      "zoom-out": () => map.zoomOut(1),
      go: () => (search.isOpen ? search.close() : search.open()),
      compare: toggle,
      names: () => this.toggleNames(),
      fly: () => this.fly(),
      "stop-compare": () => this.compare(false),
      copy: () => this.copy(),
      ask: () => about.showModal(),
      about: (event) => event.target === about && about.close(),
    };
    for (const [id, act] of Object.entries(clicks)) element(id).addEventListener("click", act);
    const keys = {
      n: () => this.world.random(),
      "[": () => this.world.step(-1),
      "]": () => this.world.step(1),
      c: toggle,
      g: () => search.open(),
      "/": () => search.open(),
      p: () => this.earth && this.toggleNames(),
      f: () => this.fly(),
      l: () => this.copy(),
      "?": () => about.showModal(),
      Escape: () => {
        if (search.isOpen) search.close();
        else if (flying.open) flying.close();
        else this.compare(false);
      },
    };
    listenToKeys(map, keys, () => calmMotion.matches);
  }
}

const info = await readInfo(root);
const { view, problems } = parseView(location.hash, lastZoomOf(info) + BEYOND);
view.seed ??= info.seed ?? "0";
if (view.zoom === null) Object.assign(view, START);
new Viewer(view, info);
if (problems.length) toast(problems[0], 8);
