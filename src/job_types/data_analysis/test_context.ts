/**
 * A job's surroundings, for tests.
 *
 * @module
 */

import type { GuardedFetch, JobContext, JobLimits } from "../contract.ts";
import type { AnalysisResult } from "./analysis.ts";
import { dataAnalysis } from "./mod.ts";
import type { OperationResult } from "./operations.ts";

/** What a test may replace of a job's surroundings. */
export interface TestSurroundings {
  readonly limits?: Partial<JobLimits>;
  readonly fetch?: GuardedFetch;
  readonly signal?: AbortSignal;
  readonly progress?: JobContext["progress"];
  readonly readRoots?: readonly string[];
  readonly parents?: JobContext["parents"];
  readonly parentResult?: JobContext["parentResult"];
}

/** Calls `use` with a context whose temporary directory lives as long as the call. */
export async function withContext<Result>(
  use: (context: JobContext) => Promise<Result>,
  { limits, fetch, signal, progress, readRoots, parents, parentResult }: TestSurroundings = {},
): Promise<Result> {
  const tempDir = await Deno.makeTempDir({ prefix: "data_analysis_" });
  try {
    return await use({
      jobId: "job",
      jobType: "data_analysis",
      attempt: 1,
      signal: signal ?? new AbortController().signal,
      limits: {
        resultBytesMax: 1_000_000,
        inputBytesMax: 1_000_000,
        streamBytesMax: 100_000_000,
        pixelsMax: 0,
        ...limits,
      },
      parents: parents ?? [],
      parentResult: parentResult ?? (() => Promise.reject(new Error("there are no parents"))),
      files: { readRoots: readRoots ?? [], writeRoots: [] },
      fetch: fetch ?? (() => Promise.reject(new Error("this test has no network"))),
      tempDir,
      progress: progress ?? (() => {}),
      log: () => {},
      span: (_name, work) => work(),
    });
  } finally {
    await Deno.remove(tempDir, { recursive: true });
  }
}

/** Runs a payload as it would be submitted; the result as its reader gets it. */
export async function analysed(
  payload: unknown,
  surroundings?: TestSurroundings,
): Promise<AnalysisResult> {
  const result = await run(payload, surroundings);
  if (result instanceof Uint8Array) throw new Error("the result is CSV");
  const read: unknown = JSON.parse(JSON.stringify(result));
  // Every result of every test is what the type says of it.
  dataAnalysis.resultSchema?.parse(read);
  return read as AnalysisResult;
}

/** Runs a payload that asks for CSV. */
export async function analysedAsCsv(
  payload: unknown,
  surroundings?: TestSurroundings,
): Promise<string> {
  const result = await run(payload, surroundings);
  if (!(result instanceof Uint8Array)) throw new Error("the result is not CSV");
  return new TextDecoder().decode(result);
}

/** The fields of the last result. */
export async function lastResult(
  payload: unknown,
  surroundings?: TestSurroundings,
): Promise<OperationResult> {
  const last = (await analysed(payload, surroundings)).results.at(-1);
  if (last === undefined) throw new Error("there is no result");
  return last;
}

/** The rows of the last result. */
export async function lastRows(
  payload: unknown,
  surroundings?: TestSurroundings,
): Promise<Record<string, unknown>[]> {
  return (await lastResult(payload, surroundings)).rows as Record<string, unknown>[];
}

async function run(payload: unknown, surroundings?: TestSurroundings): Promise<unknown> {
  const parsed = dataAnalysis.payloadSchema.parse(payload);
  return await withContext((context) => dataAnalysis.run(parsed, context), surroundings);
}
