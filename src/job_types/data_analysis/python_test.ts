/**
 * Our statistics against those of Python's `csv` and `statistics` (`testdata/reference.py`), on files
 * made awkward on purpose and on real ones that Debian packages ship.
 *
 * @module
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { analysed } from "./test_context.ts";

const SCRIPT = fileURLToPath(new URL("./testdata/reference.py", import.meta.url));

/** What Debian ships: distro-info-data (ragged rows) and ieee-data (quotes, every alphabet). */
const REAL_FILES: readonly (readonly [string, readonly [string, string]])[] = [
  ["/usr/share/distro-info/debian.csv", ["series", "version"]],
  ["/usr/share/distro-info/ubuntu.csv", ["series", "version"]],
  ["/usr/share/ieee-data/mam.csv", ["Registry", "Assignment"]],
  ["/usr/share/ieee-data/oui36.csv", ["Registry", "Assignment"]],
];

const hasPython = await python(["-c", "import statistics; statistics.correlation"]);
if (!hasPython) console.log("Python 3.10 is missing: statistics are not held against it");

/** Of what is computed with doubles in another order. */
const RELATIVE = 1e-12;

interface Reference {
  readonly rows: number;
  readonly columns: Readonly<Record<string, ReferenceColumn>>;
  readonly groups?: Readonly<Record<string, ReferenceColumn>>;
  readonly pearson?: number;
  readonly spearman?: number;
}

type ReferenceColumn = Readonly<Record<string, unknown>> & {
  readonly numeric: boolean;
  readonly count: number;
};

Deno.test({
  name: "statistics are those of Python on awkward tables",
  ignore: !hasPython,
  async fn(t) {
    const directory = await Deno.makeTempDir({ prefix: "conductor-python-" });
    try {
      const tables: readonly [string, string, Terms][] = [
        ["quotes, line breaks, CRLF and a mark", awkward(","), {
          delimiter: ",",
          group: ["key", "offset"],
          pair: ["x", "y"],
        }],
        ["semicolons", awkward(";"), {
          delimiter: ";",
          group: ["key", "x"],
          pair: ["x", "offset"],
        }],
        ["tabs", awkward("\t"), { delimiter: "\t", group: ["key", "y"] }],
        ["pipes", awkward("|"), { delimiter: "|", pair: ["y", "offset"] }],
        ["a thousand columns", wide(), { delimiter: "," }],
        ["no rows at all", "a,b\n", { delimiter: "," }],
      ];
      for (const [name, text, terms] of tables) {
        await t.step(name, async () => {
          const path = join(directory, "table.csv");
          await Deno.writeTextFile(path, text);
          await compare(path, terms, directory);
        });
      }
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  },
});

for (const [path, group] of REAL_FILES) {
  const isThere = await Deno.stat(path).then(() => true, () => false);
  if (!isThere) console.log(`${path} is missing: it is not held against Python's reading`);
  Deno.test({
    name: `statistics of ${path} are those of Python`,
    ignore: !isThere || !hasPython,
    fn: () => compare(path, { delimiter: ",", group }, path.slice(0, path.lastIndexOf("/"))),
  });
}

interface Terms {
  readonly delimiter: string;
  /** The keys, and the column that is aggregated; of a text, only counted. */
  readonly group?: readonly [string, string];
  readonly pair?: readonly [string, string];
}

async function compare(path: string, terms: Terms, directory: string): Promise<void> {
  const reference = await referenceOf(path, terms);
  const { group, pair } = terms;
  const isNumeric = group !== undefined && reference.columns[group[1]]?.numeric === true;
  const operations: unknown[] = [{ type: "describe", quantiles: [0.05] }];
  if (group !== undefined) {
    const [by, column] = group;
    const functions = isNumeric
      ? ["count", "distinct", "min", "max", "sum", "mean", "stddev", "variance", "median"]
      : ["count", "distinct", "min", "max"];
    operations.push({
      type: "group_by",
      by: [by],
      aggregates: [
        ...functions.map((fn) => ({ fn, column, as: fn })),
        ...isNumeric ? [{ fn: "quantile", column, q: 0.25, as: "q1" }] : [],
      ],
    });
  }
  if (pair !== undefined) {
    for (const method of ["pearson", "spearman"]) {
      operations.push({ type: "correlation", columns: pair, method });
    }
  }
  // The delimiter is told from the text.
  const { source, results } = await analysed(
    { url: `file://${path}`, operations, csv: { long_rows: "cut" }, output: { limit: 100_000 } },
    { readRoots: [await Deno.realPath(directory)], limits: { resultBytesMax: 50_000_000 } },
  );
  assert.equal(source.rows, reference.rows);
  const [described, ...others] = results as unknown as Record<string, unknown>[];
  for (const column of described!["columns"] as Record<string, unknown>[]) {
    sameColumn(column, reference.columns[String(column["name"])]!);
  }
  if (group !== undefined) {
    const rows = others.shift()!["rows"] as Record<string, unknown>[];
    assert.equal(rows.length, Object.keys(reference.groups ?? {}).length, "groups");
    for (const row of rows) {
      const expected = reference.groups![String(row[group[0]] ?? "")]!;
      for (const [name, value] of Object.entries(row)) {
        if (name === group[0]) continue;
        sameFigure(value, expected[name], `${name} of ${row[group[0]]}`);
      }
    }
  }
  for (const result of others) {
    const [row] = result["matrix"] as number[][];
    const method = result["method"] === "pearson" ? reference.pearson : reference.spearman;
    sameFigure(row![1], method, String(result["method"]), 1e-9);
  }
}

function sameColumn(ours: Record<string, unknown>, theirs: ReferenceColumn): void {
  const name = String(ours["name"]);
  const isNumeric = ours["type"] === "integer" || ours["type"] === "real";
  assert.equal(isNumeric, theirs.numeric, `${name} is ${ours["type"]}`);
  for (const figure of ["count", "nulls", "distinct", "min", "max"]) {
    // Long texts are shown cut.
    if (String(ours[figure]).endsWith("…")) continue;
    sameFigure(ours[figure], theirs[figure], `${figure} of ${name}`);
  }
  if (theirs["distinct"] !== theirs.count) {
    assert.deepEqual(
      (ours["top"] as { value: unknown; count: number }[]).map(({ count }) => count),
      (theirs["top"] as { value: unknown; count: number }[]).map(({ count }) => count),
      `top of ${name}`,
    );
  }
  assert.deepEqual(
    (ours["top"] as { value: unknown }[])[0]?.value,
    (theirs["top"] as { value: unknown }[])[0]?.value,
    `the most frequent of ${name}`,
  );
  if (!isNumeric) return;
  for (const figure of ["sum", "mean", "variance", "stddev", "q1", "median", "q3"]) {
    sameFigure(ours[figure], theirs[figure], `${figure} of ${name}`);
  }
  const [quantile] = ours["quantiles"] as { value: unknown }[];
  if (theirs.count > 1) sameFigure(quantile?.value, theirs["p05"], `the 5th percentile of ${name}`);
}

function sameFigure(ours: unknown, theirs: unknown, what: string, relative = RELATIVE): void {
  if (typeof ours !== "number" || typeof theirs !== "number") {
    assert.equal(ours ?? null, theirs ?? null, what);
    return;
  }
  const difference = Math.abs(ours - theirs);
  const bound = relative * Math.max(Math.abs(ours), Math.abs(theirs));
  assert.ok(difference <= bound, `${what} is ${ours}, and ${theirs} to Python`);
}

/** Fields that want quotes, numbers that cancel out around a great offset, holes, repeated values. */
function awkward(delimiter: string): string {
  const below = generator(11);
  const quote = (text: string) => `"${text.replaceAll('"', '""')}"`;
  const header = ["id", "key", "x", "y", "offset", "note", "code", "hole"];
  const rows = Array.from({ length: 3_000 }, (_, row) => {
    const x = below(2_000) / 100 - 10;
    return [
      String(row),
      ["alpha", "béta", "γάμμα", "东", ""][below(5)]!,
      below(9) === 0 ? "" : String(x),
      below(11) === 0 ? "" : String(3 * x + below(1_000) / 100),
      String(1e9 + below(1_000) / 1_000),
      quote(
        [`say "${row}"`, `two\r\nlines ${row % 7}`, `a${delimiter}b`, "", "🙂 plain"][below(5)]!,
      ),
      `0${below(900)}`,
      "",
    ].join(delimiter);
  });
  return `\ufeff${[header.join(delimiter), ...rows].join("\r\n")}\r\n\r\n`;
}

function wide(): string {
  const below = generator(5);
  const columns = Array.from({ length: 1_000 }, (_, column) => `column ${column}`);
  const rows = Array.from(
    { length: 40 },
    () =>
      columns.map((_, column) =>
        column % 3 === 0 ? `"t,${below(9)}"` : column % 3 === 1 ? below(50) : below(1_000) / 7
      ).join(","),
  );
  return [columns.join(","), ...rows].join("\n");
}

/** Whole numbers below a limit, always the same ones. */
function generator(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

async function referenceOf(path: string, terms: Terms): Promise<Reference> {
  const child = new Deno.Command("python3", {
    args: [SCRIPT, path],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(JSON.stringify(terms)));
  await writer.close();
  const { success, stdout, stderr } = await child.output();
  assert.ok(success, new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout)) as Reference;
}

async function python(args: readonly string[]): Promise<boolean> {
  try {
    return (await new Deno.Command("python3", { args: [...args] }).output()).success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
