import assert from "node:assert/strict";
import { tempoOf } from "./tempo.ts";

const cases = [
  [500, 1_000, { tickMs: 50, heartbeatTicks: 10, electionTicks: 20 }],
  [1_000, 5_000, { tickMs: 100, heartbeatTicks: 10, electionTicks: 50 }],
  [100, 800, { tickMs: 10, heartbeatTicks: 10, electionTicks: 80 }],
  [20, 100, { tickMs: 5, heartbeatTicks: 4, electionTicks: 20 }],
  [5, 10, { tickMs: 2.5, heartbeatTicks: 2, electionTicks: 4 }],
] as const;

for (const [heartbeatTimeoutMs, electionTimeoutMs, tempo] of cases) {
  Deno.test(`a heartbeat of ${heartbeatTimeoutMs} ms and an election of ${electionTimeoutMs} ms in ticks`, () => {
    assert.deepEqual(tempoOf({ heartbeatTimeoutMs, electionTimeoutMs }), tempo);
  });
}
