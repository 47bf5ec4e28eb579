/**
 * A job's context for the tests of this room.
 *
 * @module
 */

import type { JobContext } from "./contract.ts";
import { createGuardedFetch } from "./guarded_fetch.ts";
import { OPEN_POLICY } from "./test_server.ts";

/** A context that remembers what was reported. */
export interface TestContext extends JobContext {
  readonly reports: { readonly fraction: number; readonly message: string | undefined }[];
}

/** A first attempt that may reach loopback; `changes` replace parts of it. */
export function testContext(changes: Partial<JobContext> = {}): TestContext {
  const reports: TestContext["reports"] = [];
  const signal = changes.signal ?? new AbortController().signal;
  const fetch = createGuardedFetch(OPEN_POLICY);
  return {
    jobId: "job-1",
    jobType: "test",
    attempt: 1,
    signal,
    limits: {
      resultBytesMax: 1 << 20,
      inputBytesMax: 16 << 20,
      streamBytesMax: 1 << 30,
      pixelsMax: 1e8,
    },
    files: { readRoots: [], writeRoots: [] },
    fetch: (url, options = {}) => fetch(url, { signal, ...options }),
    userAgent: "Conductor-Test",
    tempDir: "/nonexistent",
    parents: [],
    parentResult: (jobId) => Promise.reject(new Error(`nobody knows job ${jobId}`)),
    progress: (fraction, message) => void reports.push({ fraction, message }),
    log: () => {},
    span: (_name, work) => work(),
    ...changes,
    reports,
  };
}
