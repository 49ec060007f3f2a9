// Views worth a first look, in every world: what each is called is what is to be seen there. Only
// the positions are Earth's; fields, streets and hills are other ones in every world.

export const PLACES = [
  { name: "Farmland", detail: "Iowa", lat: 42.03, lng: -93.6, zoom: 13 },
  { name: "Hills and valleys", detail: "North of the Alps", lat: 46.95, lng: 7.44, zoom: 13 },
  { name: "High mountains", detail: "Himalaya", lat: 28.0, lng: 86.9, zoom: 9 },
  { name: "Ice cap", detail: "Vatnajökull", lat: 64.4, lng: -16.8, zoom: 9 },
  { name: "Desert", detail: "Namib", lat: -23.5, lng: 15, zoom: 9 },
  { name: "Rainforest", detail: "Amazon", lat: -3.2, lng: -60.2, zoom: 8 },
  { name: "River delta", detail: "Nile", lat: 31.0, lng: 31.1, zoom: 7 },
  { name: "Shallow sea", detail: "Bahamas", lat: 24.2, lng: -76.3, zoom: 7 },
  { name: "The whole globe", detail: "Base map", lat: 18, lng: 10, zoom: 2 },
];
