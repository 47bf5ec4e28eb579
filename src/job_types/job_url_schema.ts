/**
 * The addresses that payloads name, as a schema.
 *
 * @module
 */

import { z } from "zod";
import { JobUrlError, parseJobUrl } from "./job_url.ts";

/** A payload's URL, for schemas: the fault is {@linkcode parseJobUrl}'s own message. */
export const jobUrl = z.string().superRefine((text, context) => {
  try {
    parseJobUrl(text);
  } catch (error) {
    if (!(error instanceof JobUrlError)) throw error;
    context.addIssue({ code: "custom", message: error.message });
  }
});
