// What the server says of itself.

import { LAST_ZOOM } from "./mercator.js";

// /api/info, with its seed as text: JSON.parse would round a large one. {} where there is none.
export async function readInfo(root) {
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

// The finest zoom that the server makes.
export const lastZoomOf = ({ max_zoom: told }) => told ?? LAST_ZOOM;
