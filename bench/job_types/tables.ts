/**
 * `data_analysis` on a CSV of 100 MB beside sqlite3 and Miller, and on NDJSON.
 *
 * @module
 */

import { join } from "node:path";
import { costOfCommand, costOfJob, type Row } from "./measure.ts";

/** Sizes of what is measured, in bytes. */
export interface TableTerms {
  readonly directory: string;
  readonly csvBytes: number;
  /** Of NDJSON; 0: left out. */
  readonly ndjsonBytes: readonly number[];
}

const GROUPS = {
  type: "group_by",
  by: ["region"],
  aggregates: [
    { fn: "count" },
    { fn: "sum", column: "units" },
    { fn: "mean", column: "price" },
    { fn: "max", column: "price" },
  ],
};

/** Measures them all. */
export async function measureTables(terms: TableTerms): Promise<Row[]> {
  const { directory, csvBytes, ndjsonBytes } = terms;
  const csv = join(directory, "orders.csv");
  const rows = await writeOrders(csv, csvBytes, (each) => Object.values(each).join(","));
  const size = `${Math.round(csvBytes / 1e6)} MB of CSV`;
  const base = { amount: rows, unit: "rows/s" };
  const url = `file://${csv}`;
  const table: Row[] = [];
  const sqlite = (sql: readonly string[]) =>
    costOfCommand(["sqlite3", ":memory:", `.import --csv "${csv}" t`, ...sql]);
  const grouped = await costOfJob("data_analysis", { url, operations: [GROUPS] }, { directory });
  table.push({
    ...base,
    what: `group ${size}: count, sum, mean, max by region`,
    ours: grouped,
    ...beside(
      "sqlite3",
      await sqlite([
        "SELECT region, count(*), sum(units), avg(price), max(price + 0) FROM t GROUP BY region",
      ]),
    ),
  });
  const miller = await costOfCommand([
    "mlr",
    ...["--icsv", "--ojson", "stats1", "-a", "count,sum,mean,max"],
    ...["-f", "units,price", "-g", "region", csv],
  ]);
  if (miller !== undefined) {
    table.push({ ...base, what: "the same", ours: grouped, ...beside("miller", miller) });
  }
  const numbers = ["id", "units", "price", "discount"];
  const texts = ["time", "region", "product", "returned", "customer", "comment"];
  table.push({
    ...base,
    what: `describe all 10 columns of it (sqlite3: no quantiles, deviations, frequent values)`,
    ours: await costOfJob("data_analysis", { url, operations: ["describe"] }, { directory }),
    ...beside(
      "sqlite3",
      await sqlite([...numbers, ...texts].map((name) => {
        const value = numbers.includes(name) ? `${name} + 0` : name;
        return `SELECT count(${name}), count(DISTINCT ${name}), min(${value}), max(${value}), ` +
          `avg(${value}) FROM t`;
      })),
    ),
  });
  for (const bytes of ndjsonBytes) {
    const path = join(directory, `orders-${bytes}.ndjson`);
    const amount = await writeOrders(path, bytes, (each) => JSON.stringify(each));
    table.push({
      what: `group ${Math.round(bytes / 1e6)} MB of NDJSON the same way`,
      amount,
      unit: "rows/s",
      ours: await costOfJob(
        "data_analysis",
        { url: `file://${path}`, operations: [GROUPS] },
        { directory },
      ),
    });
    await Deno.remove(path);
  }
  return table;
}

function beside(tool: string, theirs: Row["theirs"]) {
  return theirs === undefined ? {} : { tool, theirs };
}

const REGIONS = ["north", "south", "east", "west", "centre"];
const WORDS = "alpha beta gamma delta epsilon zeta eta theta iota kappa".split(" ");

/** Writes as many orders as fit, always the same; every tenth comment needs quotes. Their number. */
async function writeOrders(
  path: string,
  bytesMax: number,
  line: (order: Record<string, string | number | boolean>) => string,
): Promise<number> {
  using file = await Deno.open(path, { write: true, create: true, truncate: true });
  const encoder = new TextEncoder();
  const isCsv = path.endsWith(".csv");
  let state = 7;
  const below = (limit: number) => {
    // Numerical Recipes' generator: enough to be no pattern.
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
  let [rows, bytes] = [0, 0];
  let buffer = isCsv
    ? "id,time,region,product,units,price,discount,returned,customer,comment\n"
    : "";
  while (bytes + buffer.length < bytesMax) {
    const id = ++rows;
    const two = (value: number) => String(value).padStart(2, "0");
    const words = `${WORDS[below(10)]} ${WORDS[below(10)]}`;
    const quoted = isCsv ? `"${words}, said ""so"""` : `${words}, said "so"`;
    buffer += `${
      line({
        id,
        time: `2024-${two(1 + id % 12)}-${two(1 + id % 28)}T${two(id % 24)}:${two(id % 60)}:00Z`,
        region: REGIONS[below(5)]!,
        product: `SKU-${String(below(500)).padStart(4, "0")}`,
        units: 1 + below(49),
        price: below(10_000) / 100,
        discount: below(10_000) / 10_000,
        returned: id % 7 === 0,
        customer: `C${String(below(200_000)).padStart(6, "0")}`,
        comment: id % 10 === 0 ? quoted : words,
      })
    }\n`;
    if (buffer.length < 1 << 20) continue;
    bytes += await writeAll(file, encoder.encode(buffer));
    buffer = "";
  }
  await writeAll(file, encoder.encode(buffer));
  return rows;
}

async function writeAll(file: Deno.FsFile, bytes: Uint8Array): Promise<number> {
  for (let written = 0; written < bytes.length;) {
    written += await file.write(bytes.subarray(written));
  }
  return bytes.length;
}
