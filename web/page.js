// The page's furniture: short messages, copies, the panel.

export const element = (id) => document.getElementById(id);
export const narrow = matchMedia("(max-width: 640px), (max-height: 520px)");

let toastTimer = 0;
// Shows a message for a few seconds.
export function toast(text, seconds = 4) {
  const box = element("toast");
  box.textContent = text;
  box.classList.add("shown");
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => box.classList.remove("shown"), seconds * 1000);
}

// Says something to screen readers only.
export function say(text) {
  element("live").textContent = text;
}

// Copies a text; where the browser allows no clipboard (plain HTTP), selects what shows it.
export async function copy(text, place = null) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    if (!place) return false;
    getSelection().selectAllChildren(place);
    return document.execCommand("copy");
  }
}

// Makes the panel fold, folded at first where there is little room; returns what opens it.
export function foldPanel() {
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
