import assert from "node:assert/strict";
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { ScheduleTiming } from "../jobs/mod.ts";
import {
  ScheduleDefinitionSchema,
  ScheduleSchema,
  ScheduleTimingSchema,
} from "./gen/scheduler_pb.ts";
import type { ScheduleDefinition, ScheduleView } from "./schedule_api.ts";
import {
  definitionFromWire,
  definitionToWire,
  scheduleFromWire,
  scheduleToWire,
  timingFromWire,
} from "./schedule_messages.ts";

const always = { startAtMs: 0, endAtMs: 0 };
const timings: ScheduleTiming[] = [
  { kind: "cron", ...always, expression: "0 3 * * *", timeZone: "Europe/Berlin" },
  { kind: "every", startAtMs: 1000, endAtMs: 2000, everyMs: 30_000, anchorMs: 7 },
  { kind: "every", ...always, everyMs: 30_000, anchorMs: 0 },
  { kind: "at", ...always, atMs: 1_800_000_000_123 },
];

const definition: Omit<ScheduleDefinition, "timing"> = {
  name: "nightly",
  job: {
    type: "noop",
    payload: new Uint8Array([1, 2]),
    priority: 5,
    maxRetries: 0,
    timeoutMs: 1000,
    labels: { a: "b" },
    requiredTags: {},
    namespace: "red",
    options: { queue: "night" },
  },
  overlap: "queue",
  catchUp: "all",
  catchUpMax: 7,
  graceMs: 0,
};

Deno.test("a definition comes back from its bytes as it was, with every kind of timing", () => {
  for (const timing of timings) {
    const bytes = toBinary(
      ScheduleDefinitionSchema,
      create(ScheduleDefinitionSchema, definitionToWire({ ...definition, timing })),
    );
    const back = definitionFromWire(fromBinary(ScheduleDefinitionSchema, bytes));
    assert.deepEqual(back, { ...definition, timing });
  }
});

Deno.test("what a definition leaves out stays open for the master to decide", () => {
  const { name, job } = definition;
  const wire = create(
    ScheduleDefinitionSchema,
    definitionToWire({ name, job, timing: timings[0]! }),
  );
  assert.deepEqual(definitionFromWire(wire), { name, job, timing: timings[0] });
});

Deno.test("a schedule comes back from its bytes as it was", () => {
  const schedule: ScheduleView = {
    namespace: "red",
    ...definition,
    timing: timings[0]!,
    overlap: "queue",
    catchUp: "all",
    catchUpMax: 7,
    graceMs: 0,
    createdAtMs: 1_700_000_000_001,
    createdBy: "ann",
    paused: true,
    nextAtMs: 0,
    lastScheduledAtMs: 1_700_000_001_000,
    lastJobId: "j",
    runs: 3,
    skipped: 2,
    missed: 1,
    unfinishedRuns: 1,
    lastFault: "it was full",
    lastFaultAtMs: 1_700_000_002_000,
  };
  const bytes = toBinary(ScheduleSchema, create(ScheduleSchema, scheduleToWire(schedule)));
  assert.deepEqual(scheduleFromWire(fromBinary(ScheduleSchema, bytes)), schedule);
});

Deno.test("a time zone of a period, and an anchor of anything else, are refused, since neither would count", () => {
  const of = (timing: MessageInitShape<typeof ScheduleTimingSchema>) => () =>
    timingFromWire(create(ScheduleTimingSchema, timing));
  const anchor = timestampFromMs(7);
  const every = { case: "everyMs", value: 1_000n } as const;
  assert.throws(of({ when: every, timeZone: "Europe/Berlin" }), /time_zone .* only cron/);
  assert.throws(of({ when: { case: "at", value: anchor }, anchor }), /anchor .* only every_ms/);
  assert.throws(of({ when: { case: "cron", value: "0 3 * * *" }, anchor }), /only every_ms/);
});

Deno.test("a definition without a job, or that does not say when, is refused by name", () => {
  const empty = create(ScheduleDefinitionSchema, { name: "x" });
  assert.throws(() => definitionFromWire(undefined), /schedule is missing/);
  assert.throws(() => definitionFromWire(empty), /schedule.job is missing/);
  assert.throws(
    () => definitionFromWire(create(ScheduleDefinitionSchema, { name: "x", job: {} })),
    /give cron, every_ms or at/,
  );
});
