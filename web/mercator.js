// The grid of the tiles: Web Mercator's numbers, and the zooms that a server makes.

export const EARTH_RADIUS = 6_378_137; // metres
export const EQUATOR = 2 * Math.PI * EARTH_RADIUS;
export const MAP_EDGE = 85.0511287798; // degrees of latitude, north and south
export const BASE_ZOOM = 5; // the last zoom that needs no network
export const LAST_ZOOM = 17; // the finest, where the server does not say
export const BEYOND = 2; // zooms of the page beyond it: the last tiles, enlarged

// The row of a latitude, a share of the map from its northern edge.
export function rowOf(latitude) {
  return 0.5 - Math.atanh(Math.sin((latitude * Math.PI) / 180)) / (2 * Math.PI);
}

// The latitude of a row, a share of the map from its northern edge.
export function latitudeOf(row) {
  return (Math.atan(Math.sinh(Math.PI * (1 - 2 * row))) * 180) / Math.PI;
}
