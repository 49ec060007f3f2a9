// Coordinates as people write them: "46.5, 7.6", "46,5 7,6", "46°30'N 7°36'E", "7.6 E 46.5 N".

import { wrapLongitude } from "./numbers.js";

const NUMBER = String.raw`\d+(?:[.,]\d+)?`;
const DEGREES = String.raw`([+-]?${NUMBER})\s*°?`;
const MARKED = String.raw`${DEGREES}(?:\s*(${NUMBER})\s*')?(?:\s*(${NUMBER})\s*")?`;
const SPACED = String.raw`${DEGREES}\s+(${NUMBER})(?:\s+(${NUMBER}))?`;
// Each with five groups: letter before, degrees, minutes, seconds, letter after.
const ANGLES = [
  String.raw`()${MARKED}\s*([NSEW])?`,
  String.raw`([NSEW])\s*${MARKED}()`,
  String.raw`()${SPACED}\s*([NSEW])`,
];
const BETWEEN = String.raw`\s*[,;/]?\s*(?:(?<!\d)|(?=[-+NSEW]))`; // 465 is one number
const SHAPES = ANGLES.map((angle) => new RegExp(`^${angle}${BETWEEN}${angle}$`));
const EXAMPLE = "Latitude and longitude are two numbers, as in 46.5, 7.6.";

// One sign for what keyboards and documents write in several ways.
function plain(text) {
  return text
    .replace(/^\s*geo:/i, "")
    .toUpperCase()
    .replace(/\b(LAT|LON|LNG)[A-Z]*\b[\s:=]*/g, "")
    .replace(/[−–]/g, "-")
    .replace(/[º˚]/g, "°")
    .replace(/''|[″”“]/g, '"')
    .replace(/[′’‘´]/g, "'")
    .replace(/^[\s(@[]+|[\s)\]]+$/g, "");
}

function readAngle([before, degrees, minutes = "0", seconds = "0", after]) {
  const [whole, sixtieths, rest] = [degrees, minutes, seconds].map((part) =>
    Math.abs(Number(part.replace(",", "."))),
  );
  if (sixtieths >= 60 || rest >= 60) throw new Error("Minutes and seconds stay below 60.");
  const letter = before || after;
  const size = whole + sixtieths / 60 + rest / 3600;
  const negative = letter ? "SW".includes(letter) : degrees.startsWith("-");
  const axis = letter && ("NS".includes(letter) ? "latitude" : "longitude");
  return { value: negative ? -size : size, axis };
}

function check(lat, lng) {
  if (Math.abs(lat) > 90) {
    throw new Error(`Latitude ${lat} is beyond the pole. It comes first, from −90 to 90.`);
  }
  if (Math.abs(lng) > 360) throw new Error(`Longitude ${lng} is more than once around the Earth.`);
}

// { lat, lng } in degrees, longitude from -180 to 180; null for what are no coordinates. Throws an
// Error with a readable sentence for coordinates that are none on Earth.
export function parseCoordinates(text) {
  const given = plain(text);
  const found = SHAPES.map((shape) => shape.exec(given)).find(Boolean);
  if (!found) {
    if (/^[-+\d.,;°'"\sNSEW]*\d[-+\d.,;°'"\sNSEW]*$/.test(given)) throw new Error(EXAMPLE);
    return null;
  }
  const [first, second] = [found.slice(1, 6), found.slice(6)].map(readAngle);
  if (first.axis && first.axis === second.axis) {
    throw new Error(`Both numbers are a ${first.axis}. ${EXAMPLE}`);
  }
  const swapped = first.axis === "longitude" || second.axis === "latitude";
  const [lat, lng] = swapped ? [second.value, first.value] : [first.value, second.value];
  check(lat, lng);
  return { lat, lng: Math.abs(lng) > 180 ? wrapLongitude(lng) : lng };
}

export function formatCoordinates({ lat, lng }, decimals = 5) {
  const angle = (value, letters) =>
    `${Number(Math.abs(value).toFixed(decimals))}° ${letters[value < 0 ? 1 : 0]}`;
  return `${angle(lat, "NS")}, ${angle(lng, "EW")}`;
}
