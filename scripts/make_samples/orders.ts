/**
 * Orders of a small outdoor shop over two years, as its till might export them: seasons, regions
 * that differ, dear things bought less often, customers who come back, and the gaps that real
 * tables have.
 *
 * @module
 */

import { sequence } from "./noise.ts";

/** The table's columns, in order. */
export const orderColumns = [
  "order_id",
  "ordered_at",
  "region",
  "product",
  "category",
  "quantity",
  "unit_price",
  "discount",
  "customer",
  "returned",
  "note",
] as const;

/** Rows without the header's. */
export const ORDER_COUNT = 4_000;

interface Product {
  readonly name: string;
  readonly category: string;
  readonly price: number;
  /** How often it is bought, against the others. */
  readonly weight: number;
  /** Part of its orders that come back. */
  readonly returns: number;
  /** The month (1 to 12) in which most are sold; 0: none. */
  readonly season: number;
}

const products: readonly Product[] = [
  product("Wool Socks, 2 pairs", "Clothing", 14.9, 15, 0.01, 12),
  product(`Rain Jacket "Skarv"`, "Clothing", 129, 6, 0.11, 10),
  product("Hiking Boots", "Footwear", 189, 5, 0.16, 5),
  product("Trail Shoes", "Footwear", 119, 7, 0.14, 4),
  product("Day Pack 22 l", "Packs", 79, 8, 0.05, 6),
  product("Trekking Pack 60 l", "Packs", 219, 2, 0.07, 6),
  product("Two-Person Tent", "Camping", 349, 2, 0.08, 6),
  product("Sleeping Bag -5 °C", "Camping", 179, 3, 0.06, 8),
  product("Gas Stove, folding", "Camping", 44.5, 6, 0.03, 7),
  product("Gas Cartridge 230 g", "Camping", 6.9, 13, 0.002, 7),
  product("Head Torch", "Equipment", 39, 9, 0.04, 11),
  product("Map 1:25,000", "Equipment", 12.5, 12, 0.005, 5),
  product("Water Bottle 1 l", "Equipment", 18, 11, 0.01, 7),
  product("Snowshoes", "Winter", 199, 2, 0.06, 1),
  product("Thermal Gloves", "Winter", 34.9, 6, 0.05, 12),
];

const regions: readonly [name: string, weight: number][] = [
  ["North", 34],
  ["South", 22],
  ["West", 25],
  ["East", 13],
  ["Islands", 6],
];

const notes: readonly string[] = [
  "gift wrap, please",
  "leave with neighbour",
  'called: "any colour but red"',
  "deliver after 17:00",
  "second order this week, combine if possible",
  "business, invoice by post",
];

const givenNames = (
  "Ada Björn Carla Dmitri Elin Farid Greta Henrik Ines Jonas Katya Lars Mina Nils Olga Pelle Rosa " +
  "Sami Tove Ulf Vera Wim Yara Zoe"
).split(" ");
const familyNames =
  "Andersen Berg Costa Dahl Eriksen Falk García Holm Ivers Jensen Krog Lund Møller Nygård O'Neil Petrov Quist Rask Strand Thorsen"
    .split(" ");

/** The whole file, with a header and line feeds. */
export function writeOrders(): string {
  const random = sequence(20_240_101);
  const customers = nameCustomers(random);
  const lines = [orderColumns.join(",")];
  const times = Array.from({ length: ORDER_COUNT }, () => orderTime(random)).sort((a, b) => a - b);
  for (const [index, time] of times.entries()) {
    lines.push(orderLine(index, new Date(time), customers, random));
  }
  return lines.join("\n") + "\n";
}

function orderLine(
  index: number,
  time: Date,
  customers: readonly string[],
  random: () => number,
): string {
  const month = time.getUTCMonth() + 1;
  const item = pick(products, (each) => each.weight * seasonal(each.season, month), random);
  const [region] = pick(regions, ([, weight]) => weight, random);
  // Cheap things are bought several at a time.
  const quantity = 1 + Math.floor(-Math.log(1 - random()) * Math.min(1.3, 30 / item.price));
  const grown = item.price * (time.getUTCFullYear() > 2024 ? 1.04 : 1);
  const discount = isSale(time) && random() < 0.7 ? 0.2 : random() < 0.12 ? 0.1 : 0;
  // Few customers order often: the square leans towards the first of them.
  const customer = customers[Math.floor(random() ** 2.2 * customers.length)] ?? "";
  const isReturned = random() < item.returns;
  const hasNote = random() < 0.06;
  return [
    `A${String(10_001 + index)}`,
    time.toISOString().slice(0, 16).replace("T", " "),
    region,
    item.name,
    item.category,
    String(quantity),
    (Math.round(grown * 10) / 10).toFixed(2),
    // What the till left empty: no discount was entered, a guest bought, the return is still open.
    random() < 0.04 ? "" : discount.toFixed(2),
    random() < 0.07 ? "" : customer,
    random() < 0.015 ? "" : String(isReturned),
    hasNote ? notes[Math.floor(random() * notes.length)] ?? "" : "",
  ].map(quoteField).join(",");
}

function product(
  name: string,
  category: string,
  price: number,
  weight: number,
  returns: number,
  season: number,
): Product {
  return { name, category, price, weight, returns, season };
}

function nameCustomers(random: () => number): string[] {
  const names = new Set<string>();
  while (names.size < 420) {
    const given = givenNames[Math.floor(random() * givenNames.length)];
    const family = familyNames[Math.floor(random() * familyNames.length)];
    names.add(`${family}, ${given}`);
  }
  return [...names];
}

/** Within 2024 and 2025: more towards the end, more by day, fewer on Sundays. */
function orderTime(random: () => number): number {
  const start = Date.UTC(2024, 0, 1);
  const dayMs = 86_400_000;
  while (true) {
    const day = Math.floor(731 * random() ** 0.85);
    const time = start + day * dayMs;
    if (new Date(time).getUTCDay() === 0 && random() < 0.6) continue;
    const hour = 8 + (random() + random() + random()) / 3 * 14;
    return time + Math.floor(hour * 60) * 60_000;
  }
}

/** The last week of November, and July. */
function isSale(time: Date): boolean {
  const [month, day] = [time.getUTCMonth() + 1, time.getUTCDate()];
  return (month === 11 && day >= 22) || month === 7;
}

function seasonal(peak: number, month: number): number {
  return peak === 0 ? 1 : 1 + 0.75 * Math.cos(((month - peak) / 12) * 2 * Math.PI);
}

function pick<Item>(
  items: readonly Item[],
  weightOf: (item: Item) => number,
  random: () => number,
): Item {
  let left = random() * items.reduce((sum, item) => sum + weightOf(item), 0);
  for (const item of items) {
    left -= weightOf(item);
    if (left < 0) return item;
  }
  return items.at(-1)!;
}

/** RFC 4180: fields with a comma, a quote or a line break stand in quotes. */
function quoteField(field: string): string {
  return /[",\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field;
}
