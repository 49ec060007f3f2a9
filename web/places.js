// Views worth a first look. Only the coordinates are Earth's; what is there is made up.

export const PLACES = [
  { kind: "City", name: "where Madrid is", lat: 40.43, lng: -3.69, zoom: 13 },
  { kind: "Coast", name: "Algarve", lat: 37.09, lng: -8.35, zoom: 11 },
  { kind: "Delta", name: "Nile", lat: 31.05, lng: 31.2, zoom: 9 },
  { kind: "Farmland", name: "Iowa", lat: 42.03, lng: -93.6, zoom: 13 },
  { kind: "Desert", name: "Grand Erg Oriental", lat: 30.6, lng: 7.2, zoom: 10 },
  { kind: "Forest", name: "Amazon at Manaus", lat: -3.2, lng: -60.2, zoom: 10 },
  { kind: "Mountains", name: "Dolomites", lat: 46.45, lng: 11.9, zoom: 11 },
  { kind: "High mountains", name: "Himalaya", lat: 28.0, lng: 86.9, zoom: 9 },
  { kind: "Ice", name: "Vatnajökull", lat: 64.4, lng: -16.8, zoom: 9 },
  { kind: "Islands", name: "Bahamas", lat: 24.2, lng: -76.3, zoom: 9 },
  { kind: "Lakes", name: "Saimaa", lat: 61.6, lng: 28.4, zoom: 10 },
  { kind: "The whole globe", name: "zoom 2", lat: 18, lng: 10, zoom: 2 },
];
