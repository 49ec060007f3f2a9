// The page on connecting clients: one card each, with this server's addresses of one world.

import { lastZoomOf, readInfo } from "./info.js";
import { BEYOND } from "./mercator.js";
import { copy, element, toast } from "./page.js";
import { parseSeed } from "./seed.js";
import { WorldControl } from "./world.js";

const root = new URL(".", document.baseURI);
const info = await readInfo(root);
const SKY = { zoom: 4, x: 5, y: 5, columns: 8, rows: 2 }; // Europe to India, from the base map

// The world in the hash, else the server's own, else the first.
async function firstSeed() {
  const given = /(?:^|[#/&])seed=([^/&]*)/.exec(location.hash)?.[1];
  try {
    if (given !== undefined) return parseSeed(decodeURIComponent(given));
  } catch (error) {
    toast(error.message, 8);
  }
  try {
    return parseSeed(info.seed);
  } catch {
    return "0";
  }
}

function markDone(button) {
  const use = button.querySelector("use");
  button.classList.add("done");
  use.setAttribute("href", "#i-done");
  setTimeout(() => {
    button.classList.remove("done");
    use.setAttribute("href", "#i-copy");
  }, 1500);
}

const cloned = (id) => element(id).content.firstElementChild.cloneNode(true);

// One step of a card; returns what writes a world's addresses into it.
function addStep(list, client, step) {
  const item = cloned(step.code === undefined ? "file" : "code");
  item.querySelector("h3").textContent = step.text;
  list.append(item);
  if (step.code === undefined) {
    const link = item.querySelector("a");
    item.querySelector("span").textContent = `Download ${step.file}`;
    link.download = "";
    return (base) => {
      link.href = base + step.file;
    };
  }
  const [code, button] = [item.querySelector("code"), item.querySelector("button")];
  item.querySelector("pre").setAttribute("aria-label", `${client.name}: ${step.text}`);
  const label = `Copy for ${client.name}: ${step.text}`;
  button.setAttribute("aria-label", label);
  button.title = "Copy";
  button.addEventListener("click", async () => {
    const copied = await copy(code.textContent, code);
    if (copied) markDone(button);
    toast(copied ? "Copied" : "Selected: copy it with Ctrl+C");
  });
  return (base) => {
    code.textContent = step.code.replaceAll("%BASE%", base).replaceAll("%ROOT%", root.href);
  };
}

function addClients(clients) {
  const columns = [0, 1].map(() => {
    const column = document.createElement("div");
    column.className = "column";
    element("clients").append(column);
    return column;
  });
  return clients.flatMap((client, index) => {
    const card = cloned("client");
    card.id = client.id;
    card.style.order = index; // on a narrow page, where the columns are one
    card.querySelector("h2").textContent = client.name;
    card.querySelector(".what").textContent = client.text;
    columns[index % 2].append(card);
    return client.steps.map((step) => addStep(card.querySelector("ol"), client, step));
  });
}

function paintSky() {
  const size = 2 ** SKY.zoom;
  for (let row = 0; row < SKY.rows; row++) {
    for (let column = 0; column < SKY.columns; column++) {
      const picture = new Image(256, 256);
      picture.alt = "";
      picture.src = new URL(`${SKY.zoom}/${(SKY.x + column) % size}/${SKY.y + row}.webp`, root);
      document.querySelector(".sky").append(picture);
    }
  }
}

const answer = await fetch(new URL("clients.json", import.meta.url));
// With the finest zoom that there is, how many there are, and down to which a map may enlarge it.
const last = lastZoomOf(info);
const values = { "%LAST%": last, "%LEVELS%": last + 1, "%BEYOND%": last + BEYOND };
const cards = (await answer.text()).replace(/%(LAST|LEVELS|BEYOND)%/g, (name) => values[name]);
const writers = addClients(JSON.parse(cards));
document.querySelector("[data-part=last]").textContent = last;
const control = new WorldControl(element("world"), (seed) => show(seed));

function show(seed) {
  control.show(seed);
  for (const write of writers) write(new URL(`${seed}/`, root).href);
  for (const link of document.querySelectorAll("[data-part=map]")) link.href = `./#seed=${seed}`;
  history.replaceState(null, "", `#seed=${seed}`);
}

addEventListener("hashchange", async () => show(await firstSeed()));
show(await firstSeed());
paintSky();
document.body.dataset.ready = "";
