// Small sums that several modules need.

export const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

// The longitude of the same meridian from -180 up to 180 degrees.
export const wrapLongitude = (lng) => ((((lng + 180) % 360) + 360) % 360) - 180;
