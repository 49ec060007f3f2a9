// The control of one world: its number in a field, the worlds beside it, another at random.

import { parseSeed, randomSeed, stepSeed } from "./seed.js";

export class WorldControl {
  #form;
  #field;
  #error;
  #onChange;
  #seed = "0";

  constructor(form, onChange) {
    this.#form = form;
    this.#field = form.querySelector("input");
    this.#error = form.querySelector("[data-part=error]");
    this.#onChange = onChange;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#field.addEventListener("input", () => this.#complain(""));
    this.#field.addEventListener("focus", () => this.#field.select());
    this.#field.addEventListener("blur", () => this.show(this.#seed));
    this.#field.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.#field.blur();
    });
    const buttons = { previous: () => this.step(-1), next: () => this.step(1) };
    for (const [part, act] of Object.entries({ ...buttons, random: () => this.random() })) {
      form.querySelector(`[data-part=${part}]`).addEventListener("click", act);
    }
  }

  get seed() {
    return this.#seed;
  }

  show(seed) {
    this.#seed = seed;
    this.#field.value = seed;
    this.#field.classList.toggle("long", seed.length > 13);
    this.#field.title = `World ${seed}`;
    this.#complain("");
  }

  step(by) {
    this.#go(stepSeed(this.#seed, by));
  }

  random() {
    this.#go(randomSeed());
  }

  #go(seed) {
    this.show(seed);
    this.#onChange(seed);
  }

  #submit() {
    try {
      const seed = parseSeed(this.#field.value);
      this.#go(seed);
      this.#field.blur();
    } catch (error) {
      this.#complain(error.message);
    }
  }

  #complain(message) {
    this.#error.textContent = message;
    this.#error.hidden = message === "";
    this.#field.setAttribute("aria-invalid", message === "" ? "false" : "true");
  }
}
