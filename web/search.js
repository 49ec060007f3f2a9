// The search field: coordinates, names of places, and views worth a first look, in one list.

import { formatCoordinates, parseCoordinates } from "./coordinates.js";
import { fold, loadGazetteer } from "./gazetteer.js";
import { MAP_EDGE } from "./mercator.js";

const LIMIT = 8;

const NOTES = {
  earth: "Only the position is Earth’s; what lies there is invented. Names: GeoNames, CC BY 4.0.",
  elsewhere: "This planet has no names. Type latitude and longitude, such as 46.5, 7.6.",
  edge: "The map ends at 85.05° north and south.",
  nameless: "The names could not be loaded. Coordinates such as 46.5, 7.6 work.",
};

const begins = (place, query) => ` ${fold(`${place.name} ${place.detail}`)}`.includes(` ${query}`);

export class Search {
  #form;
  #field;
  #list;
  #note;
  #views;
  #goTo;
  #names = null;
  #found = [];
  #active = -1;
  #asked = 0;

  // `views`: places offered before anything is typed; null on a planet that has no names.
  // `goTo` is called with the chosen place: { name, lat, lng, zoom }, zoom null for coordinates.
  constructor(form, views, goTo) {
    this.#form = form;
    this.#field = form.querySelector("input");
    this.#list = form.querySelector("[role=listbox]");
    this.#note = form.querySelector(".note");
    this.#views = views;
    this.#goTo = goTo;
    this.aim("");
    this.#field.addEventListener("input", () => this.#update());
    this.#field.addEventListener("focus", () => this.open());
    this.#field.addEventListener("keydown", (event) => this.#key(event));
    form.querySelector("[data-part=close]").addEventListener("click", () => this.close());
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    form.addEventListener("focusout", ({ relatedTarget }) => {
      if (relatedTarget && !form.contains(relatedTarget)) this.close();
    });
    document.addEventListener("pointerdown", ({ target }) => {
      if (!form.contains(target) && !target.closest("#go")) this.close();
    });
    // A press on the list must not take the focus from the field before the click arrives.
    this.#list.addEventListener("pointerdown", (event) => event.preventDefault());
  }

  // Says what a place is looked for, as in "Next point"; "" for looking at it.
  aim(purpose) {
    const what = this.#views ? "place or coordinates" : "latitude, longitude";
    const text = purpose ? `${purpose}: ${what}` : what[0].toUpperCase() + what.slice(1);
    this.#field.placeholder = text;
    this.#field.setAttribute("aria-label", purpose ? text : `Search: ${what}`);
    this.close();
  }

  get isOpen() {
    return this.#form.classList.contains("open");
  }

  open() {
    if (this.isOpen) return;
    this.#form.classList.add("open");
    this.#field.focus({ preventScroll: true });
    if (this.#views) this.#names ??= this.#load();
    this.#update();
  }

  // The names, or null where they cannot be had now; the next opening asks again.
  async #load() {
    try {
      return await loadGazetteer();
    } catch {
      this.#names = null;
      return null;
    }
  }

  close() {
    if (!this.isOpen) return;
    this.#asked += 1;
    this.#form.classList.remove("open");
    this.#field.setAttribute("aria-expanded", "false");
    this.#field.value = "";
    this.#field.blur();
  }

  // Finds what the field says; a later call overtakes an earlier one. False when overtaken.
  async #update() {
    this.#asked += 1;
    const asked = this.#asked;
    const query = this.#field.value.trim();
    let [places, note] = [[], this.#views ? NOTES.earth : NOTES.elsewhere];
    try {
      const point = parseCoordinates(query);
      if (point && Math.abs(point.lat) > MAP_EDGE) note = NOTES.edge;
      if (point) places = [{ name: formatCoordinates(point), detail: "Coordinates", ...point, zoom: null }];
      else if (this.#views) [places, note] = await this.#named(query, note);
    } catch (error) {
      note = error.message;
    }
    if (asked !== this.#asked) return false;
    this.#show(places, note);
    return true;
  }

  async #named(query, note) {
    const folded = fold(query).trim();
    const views = this.#views.filter((view) => folded === "" || begins(view, folded));
    if (folded === "") return [views, note];
    const gazetteer = await this.#names;
    const named = gazetteer ? gazetteer.find(query, LIMIT) : [];
    const places = [...named, ...views].slice(0, LIMIT);
    if (!gazetteer) return [places, NOTES.nameless];
    if (places.length > 0 || folded.length < 2) return [places, note];
    const given = query.length > 30 ? `${query.slice(0, 30)}…` : query;
    const hint = "Try a larger town nearby, another spelling, or coordinates such as 46.5, 7.6.";
    return [places, `No place called “${given}”. ${hint}`];
  }

  #show(places, note) {
    this.#found = places;
    this.#active = -1;
    this.#note.textContent = note;
    this.#list.replaceChildren(...places.map((place, index) => this.#option(place, index)));
    this.#list.hidden = places.length === 0;
    this.#field.setAttribute("aria-expanded", places.length > 0);
    this.#field.removeAttribute("aria-activedescendant");
    this.#list.scrollTop = 0;
  }

  #option(place, index) {
    const option = document.createElement("li");
    option.role = "option";
    option.id = `found-${index}`;
    option.ariaSelected = "false";
    const [name, detail] = ["b", "span"].map((kind) => document.createElement(kind));
    name.textContent = place.name;
    detail.textContent = place.detail;
    option.append(name, " ", detail);
    option.addEventListener("click", () => this.#choose(place));
    return option;
  }

  #key(event) {
    const count = this.#found.length;
    const steps = { ArrowDown: 1, ArrowUp: -1 };
    if (event.key === "Escape") {
      event.preventDefault();
      event.stopPropagation();
      this.close();
    } else if (event.key in steps && count > 0) {
      event.preventDefault();
      const from = this.#active < 0 && event.key === "ArrowUp" ? 0 : this.#active;
      this.#activate((from + steps[event.key] + count) % count);
    }
  }

  #activate(index) {
    this.#active = index;
    for (const [at, option] of [...this.#list.children].entries()) {
      option.ariaSelected = String(at === index);
      if (at === index) option.scrollIntoView({ block: "nearest" });
    }
    this.#field.setAttribute("aria-activedescendant", `found-${index}`);
  }

  // Enter: the marked place, else the best one; with nothing typed, nothing.
  async #submit() {
    const marked = this.#found[this.#active];
    if (marked) this.#choose(marked);
    else if (this.#field.value.trim() && (await this.#update()) && this.#found.length > 0) {
      this.#choose(this.#found[0]);
    }
  }

  #choose(place) {
    this.close();
    this.#goTo(place);
  }
}
