/**
 * A job of the naive model.
 *
 * @module
 */

import type { JobStatus } from "./job.ts";
import type { JobOptions } from "./job_options.ts";

export interface NaiveJob {
  id: string;
  type: string;
  namespace: string;
  status: JobStatus;
  priority: number;
  order: number;
  maxRetries: number;
  retryDelayMs: number;
  timeoutMs: number;
  tags: Record<string, string>;
  notBeforeMs: number;
  worker: string;
  attempt: number;
  token: number;
  failures: number;
  crashes: number;
  suspicions: number;
  releases: number;
  dead: boolean;
  errorKind: string;
  submittedBy: string;
  expiresAtMs: number;
  options: JobOptions;
  ended: { token: number; worker: string; outcome: string }[];
}

/** How the model knows the batch of a job. */
export function batchNameOf({ namespace, options }: Pick<NaiveJob, "namespace" | "options">) {
  return `${namespace}/${options.batchId}`;
}

export function isHopeless(
  { crashes, suspicions }: NaiveJob,
  crashLimit: number | undefined,
): boolean {
  if (crashLimit === undefined) return crashes >= CRASHES_MAX;
  return crashes >= crashLimit || crashes + suspicions >= 3 * crashLimit;
}

export const CRASHES_MAX = 3;

export function isHeld(job: NaiveJob): boolean {
  return job.status === "assigned" || job.status === "running";
}

export function isOver(status: JobStatus): boolean {
  return status === "completed" || status === "failed" || status === "cancelled";
}
