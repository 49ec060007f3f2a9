// Seeds name worlds: whole numbers from 0 to 2^64 - 1, kept as decimal strings because a
// JavaScript number would round the large ones.

const WORLDS = 1n << 64n;

export const LARGEST = (WORLDS - 1n).toString();

// The canonical decimal string of what somebody typed; throws an Error with a readable sentence.
export function parseSeed(text) {
  const typed = String(text).replace(/[\s_,'\u2009\u202f]/g, "");
  if (!/^\d+$/.test(typed)) {
    const given = typed.length > 24 ? `${typed.slice(0, 24)}…` : typed;
    throw new Error(
      given
        ? `“${given}” is not a whole number. A world is a number from 0 to 2⁶⁴ − 1.`
        : "Type a whole number from 0 to 2⁶⁴ − 1.",
    );
  }
  if (typed.replace(/^0+/, "").length > LARGEST.length || BigInt(typed) >= WORLDS) {
    throw new Error(`That number is too large. The last world is ${LARGEST}.`);
  }
  return BigInt(typed).toString();
}

// The neighbouring world; after the last comes the first.
export function stepSeed(seed, by) {
  return ((BigInt(seed) + BigInt(by) + WORLDS) % WORLDS).toString();
}

// A random world: 32 bits, so that its number can still be read aloud.
export function randomSeed() {
  return crypto.getRandomValues(new Uint32Array(1))[0].toString();
}
