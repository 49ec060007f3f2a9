// The keyboard: one table from key to action, silent while somebody types or a dialog is open.

const PAN = 0.25; // share of the view that an arrow key moves

export function listenToKeys(map, actions, calm) {
  const pan = (x, y) => () => {
    const size = map.getSize();
    map.panBy([size.x * PAN * x, size.y * PAN * y], { animate: !calm(), duration: 0.2 });
  };
  const table = {
    ArrowLeft: pan(-1, 0),
    ArrowRight: pan(1, 0),
    ArrowUp: pan(0, -1),
    ArrowDown: pan(0, 1),
    "+": () => map.zoomIn(1),
    "=": () => map.zoomIn(1),
    "-": () => map.zoomOut(1),
    "−": () => map.zoomOut(1),
    ...actions,
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.target.closest("input, select, dialog[open]")) return;
    const act = table[event.key] ?? table[event.key.toLowerCase()];
    if (!act) return;
    event.preventDefault();
    act();
  });
}
