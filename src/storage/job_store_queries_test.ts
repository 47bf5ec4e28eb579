import assert from "node:assert/strict";
import { join } from "node:path";
import type { FinishedQuery } from "../jobs/mod.ts";
import { openJobStoreFile } from "./job_store_file.ts";
import { pageSql } from "./job_store_queries.ts";

const filters: Omit<FinishedQuery, "order" | "limit">[] = [
  {},
  { status: "completed" },
  { type: "resize" },
  { type: "resize", status: "completed" },
  { type: "resize", status: "failed", deadLetter: false },
  { worker: "w1" },
  { worker: "w1", status: "completed" },
  { worker: "w1", type: "resize" },
  { queue: "q" },
  { queue: "q", status: "completed", type: "resize" },
  { deadLetter: true },
  { deadLetter: true, type: "resize" },
  { batchId: "b" },
  { batchId: "b", status: "completed" },
  { parentId: "p" },
  { schedule: "s" },
  { namespaces: ["a"] },
  { namespaces: ["a", "default"] },
  { namespaces: ["a"], namespacesNarrow: true },
  { namespaces: ["a", "default"], namespacesNarrow: true, type: "resize", worker: "w1" },
  { namespaces: ["a"], namespacesNarrow: true, status: "failed" },
  { namespaces: ["a"], deadLetter: true, queue: "q" },
  { namespaces: ["a", "b"], batchId: "b", labels: { team: "red" } },
  { labels: { team: "red" } },
  { labels: { team: "red", n: "1" }, status: "completed" },
];

Deno.test("pages of a namespace that holds little are read from its own indexes", () => {
  const led = [
    [{ namespaces: ["a"], namespacesNarrow: true, type: "resize" }, "finished_namespace"],
    [{ namespaces: ["a"], deadLetter: true }, "finished_namespace_dead"],
    [{ namespaces: ["a"], order: "last_finished" }, "finished_namespace_ended"],
  ] as const;
  for (const [filter, index] of led) {
    const sql = pageSql({ order: "newest", limit: 9, ...filter }, () => 1);
    assert.match(sql?.text ?? "", new RegExp(`INDEXED BY ${index} `));
  }
  assert.equal(
    pageSql({ order: "newest", limit: 9, namespaces: ["x"] }, () => undefined),
    undefined,
  );
});

Deno.test("no page of finished jobs is sorted: each is read in the order of an index", () => {
  const directory = Deno.makeTempDirSync();
  const database = openJobStoreFile(join(directory, "state.db"));
  try {
    const orders = ["newest", "oldest"] as const;
    const byEnd = (["last_finished", "first_finished"] as const).flatMap((order) =>
      [
        {},
        { status: "failed" },
        { deadLetter: true, status: "failed" },
        { namespaces: ["a", "default"] },
        { namespaces: ["a"], status: "failed", deadLetter: true },
      ]
        .map((filter) => ({ ...filter, order }))
    );
    const queries = [
      ...filters.flatMap((filter) => orders.map((order) => ({ ...filter, order }))),
      ...filters.map((filter) => ({ ...filter, order: "newest" as const, fromSeq: 9 })),
      ...byEnd,
    ];
    for (const query of queries) {
      const sql = pageSql({ ...query, limit: 100 } as FinishedQuery, () => 1);
      assert.ok(sql !== undefined);
      const plan = database.prepare(`EXPLAIN QUERY PLAN ${sql.text}`).all(...sql.values)
        .map(({ detail }) => String(detail)).join("\n");
      assert.doesNotMatch(plan, /TEMP B-TREE/, `${JSON.stringify(query)}\n${sql.text}\n${plan}`);
    }
  } finally {
    database.close();
    Deno.removeSync(directory, { recursive: true });
  }
});
