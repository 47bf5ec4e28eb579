import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Scene } from "../jobs/scene_test_support.ts";
import { SqliteJobStore } from "./job_store.ts";
import { JOB_STORE_FILE } from "./job_store_file.ts";

const JOBS_PER_ROUND = 400;

Deno.test("what retention forgets makes room for what comes: the file stops growing", () => {
  const directory = mkdtempSync(join(tmpdir(), "conductor-test-"));
  const store = SqliteJobStore.open(directory);
  try {
    const scene = new Scene({ keyRetentionMs: 1_000 }, store);
    const sizes = Array.from({ length: 8 }, (_, round) => {
      const ids = Array.from({ length: JOBS_PER_ROUND }, (_, place) => `job-${round}-${place}`);
      for (const id of ids) {
        const payload = new Uint8Array(500);
        scene.submit(id, { payload, idempotencyKey: `key of ${id}`, labels: { id } });
      }
      // Some are in their pages before they end, one stays for long, and some never come there.
      const [first, ...others] = ids;
      others.slice(0, JOBS_PER_ROUND / 2).forEach((id) => scene.cancel(id));
      scene.machine.flush();
      others.slice(JOBS_PER_ROUND / 2).forEach((id) => scene.cancel(id));
      scene.machine.flush();
      if (round > 0) scene.cancel(`job-${round - 1}-0`);
      assert.equal(scene.job(first!).status, "pending");
      scene.machine.flush();
      scene.sleep(2_000);
      const { jobSeqs } = scene.machine.pruneCandidates({
        status: "cancelled",
        keepNewest: JOBS_PER_ROUND,
        limit: 10 * JOBS_PER_ROUND,
      });
      scene.apply({ kind: "prune", jobSeqs });
      scene.machine.checkpoint();
      return statSync(join(directory, JOB_STORE_FILE)).size;
    });
    // The first round has nothing to forget; from then on there are two rounds at the most.
    assert.ok(sizes[1]! > sizes[0]!, sizes.join());
    assert.ok(sizes.at(-1)! <= sizes[2]! * 1.05, sizes.join());
  } finally {
    store.close();
    rmSync(directory, { recursive: true });
  }
});
