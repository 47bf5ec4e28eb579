/**
 * What users of the original system ran into, 36 defects by their numbers, and where it is shown that ours
 * does the thing: each by the file and the words of at least one test.
 *
 * @module
 */

import assert from "node:assert/strict";

const ROOT = new URL("../../", import.meta.url);

const JOBS = "tests/e2e/original_defects_test.ts";
const STATE = "src/jobs/defects_test.ts";
const HA = "tests/ha/original_defects_test.ts";

type Shown = readonly [file: string, words: string];

const DEFECTS: Readonly<Record<number, readonly Shown[]>> = {
  // A. Jobs that were lost, stuck, doubled or brought back.
  1: [[JOBS, "defect 1: cancel cancels"], [STATE, "A1: "]],
  2: [[JOBS, "defect 2: neither a cancel nor a late failure"], [STATE, "A2: "]],
  3: [[JOBS, "defect 3: a timeout ends an attempt"], [STATE, "A3: "]],
  4: [["tests/e2e/crash_test.ts", "a worker outlives its master"], [STATE, "A4: "]],
  5: [[JOBS, "defect 5: a worker that is killed and restarted at once"], [STATE, "A5: "]],
  6: [[JOBS, "defect 6: a worker that is told to stop"], [STATE, "A6: "]],
  7: [[STATE, "A7: assigning what is assigned or finished is refused"]],
  8: [[STATE, "A8: of two assignments of one job"]],
  9: [[JOBS, "defect 9: a zombie's result is refused"], [STATE, "A9: "]],
  10: [[JOBS, "defect 10: what used up its retries"], [STATE, "A10: "]],
  11: [[JOBS, "defect 11: a retry waits"], [STATE, "A11: "]],
  12: [[JOBS, "defect 12: a submission that is repeated"], [STATE, "A12: "]],
  // B. High availability that was none.
  13: [[HA, "13: a follower takes writes"]],
  14: [[HA, "14: workers are there after a leader change"]],
  15: [[HA, "15: a worker that was silent"]],
  16: [["tests/ha/joining_test.ts", "masters on every interface form a cluster by the addresses"]],
  17: [[HA, "17: a worker works for masters that could not dial it"]],
  18: [
    [HA, "18: a master joins through a follower"],
    [HA, "18: a leader that stops hands its office over"],
    ["tests/ha/members_test.ts", "hand leadership over, and shrink and grow the cluster"],
  ],
  19: [[HA, "19: replicas agree on every time"], [STATE, "B19: "]],
  20: [[HA, "20: a list taken while jobs change is whole"]],
  // C. Throughput.
  21: [[JOBS, "defect 21: a worker is never given more than it has slots"]],
  22: [[JOBS, "defect 22: a worker that takes nothing"]],
  23: [[STATE, "C23: no step of a job looks at the jobs that have finished"]],
  24: [[JOBS, "defect 24: reads write nothing to the log"]],
  25: [[JOBS, "defect 25: lists have neither payloads nor gaps"], [STATE, "C25: "]],
  26: [[JOBS, "defect 26: a submission is taken while no worker is there"]],
  // D. Security.
  27: [
    [
      "tests/compatibility/secured_road_test.ts",
      "a secured master calls workers over TLS as itself",
    ],
    ["tests/e2e/worker_port_test.ts", "behind a gate, to masters and admins alone"],
  ],
  28: [
    ["src/security/rbac_test.ts", "every method that the proto files declare has a policy"],
    ["tests/matrix/matrix_test.ts", "every RPC that there is has an expectation, and no other"],
  ],
  29: [["tests/e2e/tokens_test.ts", "a worker enrols with a join token, once, and outlives"]],
  30: [
    ["src/security/tokens_test.ts", "a refresh token passes as a refresh token only"],
    ["src/security/token_keys_test.ts", "each algorithm is checked with its own"],
    ["src/security/gate_test.ts", "a name gives no right: the subject admin without roles"],
    ["src/config/rules_test.ts", "staging and production refuse a secret that is absent"],
    ["src/cli/node_doors_test.ts", "gives it neither name nor right"],
  ],
  31: [
    ["src/security/gate_limits_test.ts", "are limited whatever address and port they come from"],
    ["src/security/gate_limits_test.ts", "heartbeats go on while the same identity's other calls"],
    ["src/cli/node_doors_test.ts", "a new word for each call does not lift the rate limit"],
  ],
  32: [
    ["src/security/token_refusals_test.ts", "one character"],
    ["src/security/gate_test.ts", "no audit line holds a token, whatever its fate"],
  ],
  33: [
    ["src/security/gate_test.ts", "a viewer may not report a result"],
    ["src/master/worker_ownership_test.ts", "a worker speaks for itself, and for no other"],
  ],
  34: [
    ["src/security/audit_complete_test.ts", "no kind of event is left out, whatever level the log"],
    ["tests/e2e/audit_test.ts", "every administrative act is in it"],
  ],
  35: [
    [
      "src/security/tls_test.ts",
      "with auto_generate a master and a worker on one machine find mTLS",
    ],
    ["tests/e2e/certificates_test.ts", "that share a directory find mutual TLS by themselves"],
  ],
  // E. What was there for show.
  36: [
    ["tests/config/keys_are_read_test.ts", "every key of the schema is read by every role"],
    ["src/observability/metrics_test.ts", "the original has 27 metrics"],
    ["tests/ha/status_test.ts", "have the original's keys, and what they say is true"],
  ],
};

Deno.test("each of the original's 36 defects is shown to be none of ours by a test that there is", async () => {
  const numbers = Object.keys(DEFECTS).map(Number);
  assert.deepEqual(numbers, Array.from({ length: 36 }, (_, at) => at + 1));
  const texts = new Map<string, string>();
  for (const [number, shown] of Object.entries(DEFECTS)) {
    for (const [file, words] of shown) {
      const text = texts.get(file) ?? await Deno.readTextFile(new URL(file, ROOT));
      texts.set(file, text);
      assert.ok(text.includes(words), `defect ${number}: ${file} has no "${words}"`);
    }
  }
});
