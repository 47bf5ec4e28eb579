import assert from "node:assert/strict";
import { Refusal, type WorkerAnnouncement } from "../rpc/mod.ts";
import { refuseTalkative } from "./announced.ts";

const QUIET: WorkerAnnouncement = {
  workerId: "w1",
  incarnation: "i",
  address: "10.0.0.7:9001",
  slots: 4,
  jobTypes: Array.from({ length: 1_000 }, (_, at) => `company.reports.type-${at}`),
  tags: { zone: "a", gpu: "true" },
  version: "1.2.3",
  cpuMillis: 0,
  memoryBytes: 0,
  typeSlots: Object.fromEntries(Array.from({ length: 1_000 }, (_, at) => [`type-${at}`, 1])),
  running: [],
};

Deno.test("a worker with a thousand types may say so, and none may say megabytes, wherever it says them", () => {
  refuseTalkative(QUIET);
  const long = "x".repeat(70_000);
  const many = Array.from({ length: 20_000 }, () => "t");
  const talkative: Partial<WorkerAnnouncement>[] = [
    { workerId: long },
    { address: long },
    { version: long },
    { incarnation: long },
    { jobTypes: many },
    { tags: { [long]: "" } },
    { tags: { zone: long } },
    { typeSlots: { [long]: 1 } },
    { namespaces: many },
  ];
  for (const more of talkative) {
    assert.throws(
      () => refuseTalkative({ ...QUIET, ...more }),
      (failure) =>
        failure instanceof Refusal && failure.reason === "invalid" &&
        /^worker "\w{2,80}" says \d+ characters of itself .*; it may say 65536$/
          .test(failure.message),
      JSON.stringify(Object.keys(more)),
    );
  }
});
