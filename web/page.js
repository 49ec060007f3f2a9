// The page's furniture: short messages, the link to this view, the panel.

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

// Copies the address of what is shown now.
export async function copyLink() {
  try {
    await navigator.clipboard.writeText(location.href);
    toast("Link to this view copied");
  } catch {
    toast(`Copy the address from the address bar: ${location.href}`, 12);
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
