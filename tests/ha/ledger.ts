/**
 * What really ran, written down by the jobs themselves: a job type whose handler appends a line to
 * a file when an attempt begins and when it ends. No master and no worker has a say in it.
 *
 * @module
 */

/** The job type; its payload is {@linkcode LedgerPayload} as JSON. */
export const LEDGER_JOB_TYPE = "ledger";

export interface LedgerPayload {
  /** The submission's own id. */
  readonly id: string;
  readonly sleepMs?: number;
  /** How long the first attempt takes, if not as long as every other. */
  readonly firstSleepMs?: number;
  /** Attempts that fail before the first one that does not. */
  readonly failures?: number;
  /** What makes a payload long. */
  readonly padding?: string;
}

/** One line of the ledger. */
export interface LedgerLine {
  readonly event: "begin" | "end";
  readonly submission: string;
  readonly jobId: string;
  readonly attempt: number;
}

/** The source of the handler; lines this short are appended whole. */
export function ledgerHandler(file: string): string {
  return `import { appendFileSync } from "node:fs";
const write = (line) => appendFileSync(${JSON.stringify(file)}, JSON.stringify(line) + "\\n");
export async function ${LEDGER_JOB_TYPE}(payload, context) {
  const line = { submission: payload.id, jobId: context.jobId, attempt: context.attempt };
  write({ event: "begin", ...line });
  const { sleepMs = 0, firstSleepMs = sleepMs } = payload;
  const ms = context.attempt === 1 ? firstSleepMs : sleepMs;
  if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms));
  if (context.attempt <= payload.failures) throw new Error("on purpose");
  write({ event: "end", ...line });
  return { id: payload.id };
}
`;
}

/** Reads a ledger; a last line without its end belongs to a process that was killed writing it. */
export async function readLedger(file: string): Promise<LedgerLine[]> {
  const text = await Deno.readTextFile(file);
  return text.split("\n").slice(0, -1).filter((line) => line !== "").map((line) =>
    JSON.parse(line)
  );
}
