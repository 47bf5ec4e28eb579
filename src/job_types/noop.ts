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
  payloadSchema: z.unknown(),
  payloadOfText: () => null,
  example: {},
  run: () => Promise.resolve(undefined),
});
