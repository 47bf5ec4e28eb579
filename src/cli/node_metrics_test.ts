import assert from "node:assert/strict";
import type { Config } from "../config/mod.ts";
import { createLogger } from "../observability/mod.ts";
import { openMetrics } from "./node_metrics.ts";

Deno.test("a node shows what it can read when a part of its metrics cannot be, and says so once", async () => {
  const lines: Record<string, unknown>[] = [];
  const log = await createLogger({
    ...{ level: "info", format: "json", name: "master" },
    output: (line) => lines.push(JSON.parse(line)),
  });
  const registry = await openMetrics({ metrics: { enabled: true } as Config["metrics"] }, log);
  registry.beforeScrape(() => {
    throw new Error("Too many open files");
  });
  registry.gauge("other", "Another part.").set(7);
  for (let scrape = 0; scrape < 2; scrape++) {
    assert.match((await registry.expose()).text, /^conductor_other 7$/m);
  }
  assert.deepEqual(lines.map(({ msg, error }) => [msg, error]), [
    ["a part of the metrics cannot be read", "Too many open files"],
  ]);
});
