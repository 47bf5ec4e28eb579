/**
 * A job that does nothing, whatever its payload: what the road to and from a worker costs by itself.
 *
 * @module
 */

import { z } from "zod";
import { defineJobType } from "./contract.ts";

/** Takes any payload, returns nothing. */
export const noop = defineJobType({
  name: "noop",
  summary: "Does nothing, for measuring what a job costs by itself.",
  isolation: "inline",
  payloadSchema: z.unknown().describe("Anything, or nothing at all; it is not looked at."),
  resultSchema: z.undefined().describe("Nothing: the result is empty."),
  limits: [{
    name: "payload",
    key: "jobs.payload_bytes_max",
    meaning: "Longer payloads are refused when they are submitted, as of every type.",
  }],
  ignoresPayload: true,
  example: {},
  run: () => Promise.resolve(undefined),
});
