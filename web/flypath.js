// Where the camera of a flight is at which moment: the same flight as `elsewhere fly` films
// (tileserver/flying/), in the same words.

import { EARTH_RADIUS, EQUATOR, latitudeOf } from "./mercator.js";
import { clamp } from "./numbers.js";

const MAP_LATITUDE = 84; // a track nearer to a pole than this goes round it on this parallel
const STEP = 1e-4; // radians between two positions of the table
const TURN_STEPS = 256;
const SAMPLES = 4096;
const SPEED = 0.25; // frame widths that the picture moves in a second
const OCTAVES_PER_SECOND = 0.75;
const RAMP_SECONDS = 2;
const FADE = 0.5; // octaves over which one zoom gives way to the next

const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const cross = (a, b) => [
  a[1] * b[2] - a[2] * b[1],
  a[2] * b[0] - a[0] * b[2],
  a[0] * b[1] - a[1] * b[0],
];
const norm = (a) => Math.hypot(...a);
const angle = (a, b) => Math.atan2(norm(cross(a, b)), dot(a, b));

function vector({ lat, lng }) {
  const [east, north] = [lng, lat].map((degrees) => (degrees * Math.PI) / 180);
  return [Math.cos(north) * Math.cos(east), Math.cos(north) * Math.sin(east), Math.sin(north)];
}

// The unit vector at a share of the great circle from a to b.
function slerp(a, b, share) {
  const normal = cross(a, b);
  const sine = norm(normal);
  const turned = Math.atan2(sine, dot(a, b)) * share;
  const aside = cross(normal, a).map((value) => value / (sine || 1));
  return a.map((value, index) => Math.cos(turned) * value + Math.sin(turned) * aside[index]);
}

function bezier(controls, share) {
  let level = controls;
  while (level.length > 1) level = level.slice(1).map((b, index) => slerp(level[index], b, share));
  return level[0];
}

// The value at x on straight lines between the points (xs, ys); xs rise.
function interpolate(x, xs, ys) {
  let [low, high] = [0, xs.length - 1];
  if (x <= xs[low]) return ys[low];
  if (x >= xs[high]) return ys[high];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (xs[middle] <= x) low = middle;
    else high = middle;
  }
  const share = (x - xs[low]) / (xs[high] - xs[low]);
  return ys[low] + share * (ys[high] - ys[low]);
}

// Pieces of a track: great circles and, where they meet, quadratic curves that begin `turn`
// radians before the point.
function pieces(vectors, legs, turns) {
  const reach = vectors.map((_, index) =>
    index === 0 || index === legs.length
      ? 0
      : Math.min(turns[index], legs[index - 1] / 2, legs[index] / 2),
  );
  const found = [];
  let start = 0;
  legs.forEach((leg, index) => {
    const [a, b] = [vectors[index], vectors[index + 1]];
    const [out, back] = [reach[index], reach[index + 1]];
    const last = slerp(a, b, (leg - back) / leg);
    const size = leg - out - back;
    if (size > 0) found.push({ start: start + out, size, controls: [slerp(a, b, out / leg), last] });
    if (back) {
      const after = slerp(b, vectors[index + 2], back / legs[index + 1]);
      found.push({ start: start + leg - back, size: 2 * back, controls: [last, b, after] });
    }
    start += leg;
  });
  return found;
}

// Lengths in radians, columns and rows (shares of the map) along a track.
function table(parts) {
  const lengths = [];
  const columns = [];
  const rows = [];
  const limit = (MAP_LATITUDE * Math.PI) / 180;
  let polar = false;
  let before = null;
  for (const { start, size, controls } of parts) {
    const steps = controls.length > 2 ? TURN_STEPS : Math.max(1, Math.ceil(size / STEP));
    for (let step = lengths.length ? 1 : 0; step <= steps; step += 1) {
      const [x, y, z] = bezier(controls, step / steps);
      let east = Math.atan2(y, x);
      if (before !== null) east -= 2 * Math.PI * Math.round((east - before) / (2 * Math.PI));
      before = east;
      const north = Math.atan2(z, Math.hypot(x, y));
      polar ||= Math.abs(north) > limit;
      lengths.push(start + (size * step) / steps);
      columns.push(0.5 + east / (2 * Math.PI));
      rows.push(0.5 - Math.asinh(Math.tan(clamp(north, -limit, limit))) / (2 * Math.PI));
    }
  }
  if (polar) {
    for (let index = 1; index < lengths.length; index += 1) {
      const level = 1 / Math.cosh(2 * Math.PI * (0.5 - (rows[index] + rows[index - 1]) / 2));
      const step = Math.hypot(columns[index] - columns[index - 1], rows[index] - rows[index - 1]);
      lengths[index] = lengths[index - 1] + 2 * Math.PI * step * level;
    }
  }
  return { lengths, columns, rows };
}

// Altitudes over the moments 0 to 1 of a flight, and the share of the way behind by then.
class AltitudeProfile {
  constructor(altitudes) {
    const all = altitudes.length > 1 ? altitudes : [altitudes[0], altitudes[0]];
    this.knots = all.map(Math.log);
    const steps = this.knots.slice(1).map((knot, index) => knot - this.knots[index]);
    this.octaves = steps.reduce((sum, step) => sum + Math.abs(step), 0) / Math.LN2;
    this.slopes = this.knots.map((_, index) => {
      const [before, after] = [steps[index - 1] ?? steps[index], steps[index] ?? steps[index - 1]];
      return before * after > 0 ? (2 * before * after) / (before + after) : 0;
    });
    this.moments = Array.from({ length: SAMPLES + 1 }, (_, index) => index / SAMPLES);
    this.heights = this.moments.map((moment) => this.altitude(moment));
    this.shares = [0];
    for (let index = 1; index <= SAMPLES; index += 1) {
      const step = (this.heights[index] + this.heights[index - 1]) / 2 / SAMPLES;
      this.shares.push(this.shares[index - 1] + step);
    }
    this.mean = this.shares[SAMPLES];
    this.shares = this.shares.map((share) => share / this.mean);
  }

  altitude(moment) {
    const spans = this.knots.length - 1;
    const left = Math.min(spans - 1, Math.floor(clamp(moment, 0, 1) * spans));
    const t = clamp(moment, 0, 1) * spans - left;
    const [low, high] = [this.knots[left], this.knots[left + 1]];
    const [rise, fall] = [this.slopes[left], this.slopes[left + 1]];
    return Math.exp(
      low * (2 * t ** 3 - 3 * t ** 2 + 1) +
        high * (3 * t ** 2 - 2 * t ** 3) +
        rise * (t ** 3 - 2 * t ** 2 + t) +
        fall * (t ** 3 - t ** 2),
    );
  }

  share(moment) {
    return interpolate(moment, this.moments, this.shares);
  }

  altitudeAfter(share) {
    return interpolate(share, this.shares, this.heights);
  }
}

// The moment at a share of the time: at rest at both ends, even between.
function eased(share, ramp) {
  const rising = (u) => {
    const s = Math.min(1, u / ramp);
    return ramp * (s ** 3 - s ** 4 / 2) + Math.max(0, u - ramp);
  };
  return (share <= 0.5 ? rising(share) : 1 - ramp - rising(1 - share)) / (1 - ramp);
}

export class Flight {
  // points: {lat, lng}, two or more, no two in a row the same; altitudes: metres.
  constructor(points, altitudes) {
    const vectors = points.map(vector);
    const legs = vectors.slice(1).map((b, index) => angle(vectors[index], b));
    const whole = legs.reduce((sum, leg) => sum + leg, 0);
    this.profile = new AltitudeProfile(altitudes);
    let behind = 0;
    const turns = vectors.map((_, index) => {
      behind += index ? legs[index - 1] : 0;
      return this.profile.altitudeAfter(behind / whole) / 2 / EARTH_RADIUS;
    });
    this.table = table(pieces(vectors, legs, turns));
    this.length = this.table.lengths.at(-1);
    this.metres = this.length * EARTH_RADIUS;
    const moving = this.metres / (this.profile.mean * SPEED);
    this.seconds = Math.max(moving, this.profile.octaves / OCTAVES_PER_SECOND) + RAMP_SECONDS;
    this.ramp = Math.min(RAMP_SECONDS / this.seconds, 1 / 3);
  }

  // What a frame of width × height pixels shows after `seconds`: its centre in shares of the map,
  // the pixels that the whole map would be wide, and the altitude in metres.
  camera(seconds, { width, height }) {
    const moment = eased(clamp(seconds / this.seconds, 0, 1), this.ramp);
    const place = this.profile.share(moment) * this.length;
    const { lengths, columns, rows } = this.table;
    const [x, row] = [columns, rows].map((values) => interpolate(place, lengths, values));
    const altitude = this.profile.altitude(moment);
    const level = 1 / Math.cosh(2 * Math.PI * (0.5 - row));
    const scale = Math.max((EQUATOR * level * Math.max(width, height)) / altitude, height);
    const half = height / scale / 2;
    return { x, y: clamp(row, half, 1 - half), scale, altitude };
  }

  // Positions along the path, for a line on the map.
  line(count = 200) {
    const { lengths, columns, rows } = this.table;
    return Array.from({ length: count + 1 }, (_, index) => {
      const place = (index / count) * this.length;
      const [x, y] = [columns, rows].map((values) => interpolate(place, lengths, values));
      return { lng: (x - 0.5) * 360, lat: latitudeOf(y) };
    });
  }
}

// The zoom, a fraction, whose tiles have pixels as large as the frame's.
export const levelOf = ({ scale }) => Math.log2(scale / 256);

// Zooms to draw one over the other, with the weight of each: the next one fades in. `last` is the
// finest that there is.
export function layers(level, last) {
  const zoom = clamp(Math.ceil(level), 0, last);
  const share = clamp((level - zoom + FADE) / FADE, 0, 1);
  if (zoom === last || share === 0) return [{ zoom, weight: 1 }];
  if (share === 1) return [{ zoom: zoom + 1, weight: 1 }];
  return [{ zoom, weight: 1 }, { zoom: zoom + 1, weight: share * share * (3 - 2 * share) }];
}

// Columns and rows of a zoom's tiles in a frame: first and last of each, and the frame's edges in
// tile pixels.
export function windowOf({ x, y, scale }, zoom, { width, height }) {
  const world = 256 * 2 ** zoom;
  const ratio = world / scale;
  const [left, top] = [x * world - (width * ratio) / 2, y * world - (height * ratio) / 2];
  const across = (value) => Math.floor(value / 256);
  return {
    zoom,
    ratio,
    left,
    top,
    columns: [across(left - 2), across(left + width * ratio + 2)],
    rows: [Math.max(0, across(top - 2)), Math.min(2 ** zoom - 1, across(top + height * ratio + 2))],
  };
}
