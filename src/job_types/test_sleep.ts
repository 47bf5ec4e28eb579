/**
 * A job that sleeps, and fails when told to: for trying out a cluster.
 *
 * @module
 */

import { z } from "zod";
import { defineJobType, type JobContext, PermanentJobError } from "./contract.ts";
import { parseDuration } from "./duration.ts";
import { pause } from "./pause.ts";

/** What `test_sleep` is told, after validation. */
export interface TestSleepPayload {
  readonly durationMs: number;
  /** Sleep, then fail with this message. */
  readonly failure?: string | undefined;
  /** Fail in the first so many attempts only. */
  readonly failAttempts: number;
  /** Fail for good, whatever retries are left. */
  readonly permanent: boolean;
  /** Returned in place of what was slept. */
  readonly result?: unknown;
}

/** What a payload that says no duration means. */
const DEFAULT_MS = 1_000;
const DURATION_MS_MAX = 30 * 86_400_000;
/** The message of a failure that is given none. */
const DEFAULT_FAILURE = "test_sleep was told to fail";

const duration = z.union([z.string(), z.number()]).transform((written, context) => {
  try {
    return parseDuration(written);
  } catch (error) {
    context.addIssue({ code: "custom", message: (error as Error).message });
    return z.NEVER;
  }
}).refine((ms) => ms <= DURATION_MS_MAX, "it must be at most 30 days")
  .describe('How long to sleep: "5s", "1m30s", or milliseconds. Without any of the three: 1 s.');

const fields = z.strictObject({
  duration: duration.optional(),
  duration_ms: z.number().min(0).max(DURATION_MS_MAX).optional()
    .describe("The same in milliseconds."),
  seconds: z.number().min(0).max(DURATION_MS_MAX / 1_000).optional()
    .describe("The same in seconds."),
  fail: z.union([z.boolean(), z.string()]).optional()
    .describe("Fail after the sleep, with this message if it is text."),
  fail_attempts: z.number().int().min(0).optional()
    .describe("Fail in the first so many attempts only. Left out, with fail: in all of them."),
  permanent: z.boolean().default(false)
    .describe("Fail for good, whatever retries are left."),
  result: z.unknown().optional()
    .describe("Handed back in place of what was slept."),
}).describe('May be written short: "5s" or 5000.').superRefine((payload, context) => {
  const named = (["duration", "duration_ms", "seconds"] as const)
    .filter((key) => payload[key] !== undefined);
  if (named.length > 1) {
    context.addIssue({ code: "custom", message: `give one of ${named.join(", ")}, not all` });
  }
}).transform((payload): TestSleepPayload => ({
  durationMs: payload.duration ?? payload.duration_ms ?? secondsToMs(payload.seconds) ?? DEFAULT_MS,
  failure: failureOf(payload.fail, payload.fail_attempts),
  failAttempts: payload.fail_attempts ?? Infinity,
  permanent: payload.permanent,
  result: payload.result,
}));

/** `5000`, `"5s"` and `null` are short for an object with that duration. */
const schema = z.preprocess((json) => {
  if (typeof json === "number" || typeof json === "string") return { duration: json };
  return json ?? {};
}, fields);

/** Sleeps for its duration, in small steps so that progress shows, and ends at once on abort. */
export const testSleep = defineJobType<TestSleepPayload>({
  name: "test_sleep",
  summary: "Sleeps for a while, and fails when told to; for trying out a cluster.",
  isolation: "inline",
  payloadSchema: schema,
  payloadOfText,
  resultSchema: z.union([
    z.strictObject({
      slept_ms: z.number().min(0).describe("How long it was told to sleep, in milliseconds."),
      attempt: z.int().min(1).describe("The attempt that slept to the end; 1 is the first."),
    }),
    z.unknown(),
  ]).describe("What it slept, or what the payload has as result."),
  limits: [{ name: "duration", value: "30 days", meaning: "Longer sleeps are refused." }],
  example: { duration: "5s" },
  examples: [
    {
      title: "Fails twice, then succeeds",
      payload: { duration: "500ms", fail: "not yet", fail_attempts: 2 },
    },
    {
      title: "Fails for good, at once",
      payload: { duration: 0, fail: "never", permanent: true },
    },
  ],
  async run(payload, context) {
    await sleep(payload.durationMs, context);
    if (payload.failure !== undefined && context.attempt <= payload.failAttempts) {
      throw payload.permanent ? new PermanentJobError(payload.failure) : new Error(payload.failure);
    }
    // Null is a result of one's own as well.
    if (payload.result !== undefined) return payload.result;
    return { slept_ms: payload.durationMs, attempt: context.attempt };
  },
});

/** `5s` is a duration, other plain text (the original client's `test data`) the default. */
function payloadOfText(text: string): unknown {
  const written = text.trim();
  // This began as JSON and is broken: to sleep a second instead would hide the mistake.
  if (/^["[{]/.test(written)) return undefined;
  return /^[\d.]/.test(written) ? { duration: written } : {};
}

function secondsToMs(seconds: number | undefined): number | undefined {
  return seconds === undefined ? undefined : seconds * 1_000;
}

function failureOf(fail: boolean | string | undefined, attempts: number | undefined) {
  // An empty message asks for a failure all the same, and would tell nobody of what.
  if (typeof fail === "string") return fail === "" ? DEFAULT_FAILURE : fail;
  if (fail ?? (attempts !== undefined && attempts > 0)) return DEFAULT_FAILURE;
  return undefined;
}

/** About fifty reports for a sleep, not more than ten a second and not fewer than one in five. */
function stepOf(durationMs: number): number {
  return Math.min(5_000, Math.max(100, durationMs / 50));
}

async function sleep(durationMs: number, context: JobContext): Promise<void> {
  const { signal } = context;
  const start = performance.now();
  for (;;) {
    const sleptMs = performance.now() - start;
    const leftMs = durationMs - sleptMs;
    if (leftMs <= 0) break;
    context.progress(sleptMs / durationMs, `slept ${(sleptMs / 1_000).toFixed(1)} s`);
    await pause(Math.min(leftMs, stepOf(durationMs)), signal);
  }
  context.progress(1);
}
