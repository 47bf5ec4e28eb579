/**
 * Opens a job's table as a stream of bytes, wherever it comes from.
 *
 * @module
 */

import { exactNumber, parseExactly } from "../../json/mod.ts";
import { InputTooLargeError, type JobContext, PermanentJobError } from "../contract.ts";
import { decodeDataUrl } from "../data_url.ts";
import { requireSuccess } from "../fetch_error.ts";
import { describeUrl, parseJobUrl } from "../job_url.ts";
import { openLocalFile } from "../local_file.ts";
import { charsetNamedBy } from "../named_charset.ts";
import type { AnalysisPayload } from "./payload.ts";

/** Bytes on their way, and what is known of them beforehand. */
export interface Source {
  readonly chunks: AsyncIterable<Uint8Array>;
  /** Undefined when nobody says. */
  readonly sizeBytes: number | undefined;
  /** A file name or the path of a URL, for its extension. */
  readonly name: string;
  /** Lower case, without parameters; empty when unknown. */
  readonly contentType: string;
  /** What the server names the encoding of the text; undefined: it does not, or none that is known. */
  readonly charset?: string | undefined;
  /** For messages. */
  readonly what: string;
}

/** Bytes handed on at once: an inline text of many megabytes becomes many pieces. */
const PIECE_BYTES = 64 * 1024;

/**
 * Opens the payload's `url`, `data` or `parents`.
 *
 * @throws {PermanentJobError} when the source is refused or answers that it is not there, and from
 * `chunks` when it is longer than `limits.streamBytesMax`. A network that fails, or a server that
 * says "later", throws an ordinary error: another attempt may do.
 */
export async function openSource(
  { url, data, parents }: Pick<AnalysisPayload, "url" | "data" | "parents">,
  context: JobContext,
): Promise<Source> {
  const { streamBytesMax } = context.limits;
  if (data !== undefined) return inlineSource(data);
  if (parents !== undefined) return parentsSource(parents, context);
  const parsed = parseJobUrl(url ?? "");
  const what = describeUrl(parsed);
  if (parsed.protocol === "data:") {
    const { bytes, contentType } = decodeDataUrl(parsed, streamBytesMax);
    return bytesSource(bytes, { name: "", ...typeOf(contentType), what });
  }
  if (parsed.protocol === "file:") {
    const file = await openLocalFile(parsed, context.files);
    requireSize(file.sizeBytes, streamBytesMax, what);
    const chunks = bounded(file.stream, streamBytesMax, what);
    return { chunks, sizeBytes: file.sizeBytes, name: file.path, contentType: "", what };
  }
  const response = await requireSuccess(
    await context.fetch(parsed, {
      headers: { accept: "text/csv, application/json, application/x-ndjson, */*;q=0.5" },
      bodyBytesMax: streamBytesMax,
      signal: context.signal,
    }),
  );
  return {
    chunks: bounded(response.body, streamBytesMax, what),
    sizeBytes: lengthOf(response.headers),
    name: URL.parse(response.url)?.pathname ?? parsed.pathname,
    ...typeOf(response.headers["content-type"] ?? ""),
    what,
  };
}

function inlineSource(data: string | readonly Record<string, unknown>[]): Source {
  const text = typeof data === "string" ? data : JSON.stringify(data);
  return bytesSource(new TextEncoder().encode(text), {
    name: "",
    contentType: typeof data === "string" ? "" : "application/json",
    what: "the payload's data",
  });
}

/** Each parent's rows, read when their turn comes: one result is in memory at a time. */
function parentsSource(parents: true | readonly string[], context: JobContext): Source {
  const jobIds = parents !== true ? parents : context.parents
    .filter(({ status }) => status === "completed").map(({ jobId }) => jobId);
  const what = "what its parents left";
  return {
    chunks: bounded(
      parentRows(jobIds, context, parents !== true),
      context.limits.streamBytesMax,
      what,
    ),
    sizeBytes: undefined,
    name: "",
    contentType: "application/x-ndjson",
    what,
  };
}

/** Of parents that were not named, one that left no result was only waited for. */
async function* parentRows(
  jobIds: readonly string[],
  context: JobContext,
  areNamed: boolean,
): AsyncGenerator<Uint8Array> {
  const encoder = new TextEncoder();
  for (const jobId of jobIds) {
    const { status, output } = await context.parentResult(jobId);
    if (output.length === 0) {
      if (!areNamed) continue;
      throw new PermanentJobError(
        `Cannot analyse the result of job ${jobId}, which is ${status}: it left none.`,
      );
    }
    let value: unknown;
    try {
      value = parseExactly(new TextDecoder("utf-8", { fatal: true }).decode(output));
    } catch (cause) {
      throw new PermanentJobError(
        `Cannot analyse the result of job ${jobId}, which is ${status}: it is not JSON.`,
        { cause },
      );
    }
    for (const row of Array.isArray(value) ? value : [value]) {
      if (!isObject(row)) {
        throw new PermanentJobError(
          `Cannot analyse the result of job ${jobId}: it is neither an object nor a list of objects.`,
        );
      }
      yield encoder.encode(`${JSON.stringify(row)}\n`);
    }
  }
}

function isObject(row: unknown): boolean {
  const isNumber = exactNumber(row) !== undefined;
  return typeof row === "object" && row !== null && !Array.isArray(row) && !isNumber;
}

function bytesSource(
  bytes: Uint8Array,
  known: Pick<Source, "name" | "contentType" | "charset" | "what">,
): Source {
  return { ...known, sizeBytes: bytes.length, chunks: pieces(bytes) };
}

async function* pieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
    yield bytes.subarray(at, at + PIECE_BYTES);
  }
}

async function* bounded(
  stream: AsyncIterable<Uint8Array>,
  bytesMax: number,
  what: string,
): AsyncGenerator<Uint8Array> {
  let count = 0;
  for await (const chunk of stream) {
    count += chunk.length;
    requireSize(count, bytesMax, what);
    yield* chunk.length <= PIECE_BYTES ? [chunk] : pieces(chunk);
  }
}

/** @throws {InputTooLargeError} when there is more than a job may stream through. */
export function requireSize(count: number, bytesMax: number, what: string): void {
  if (count <= bytesMax) return;
  throw new InputTooLargeError(
    `Cannot analyse ${what}: it has more than the ${bytesMax} bytes that this worker reads.`,
  );
}

/** The length of the body as we will see it: not told when it was compressed on the way. */
function lengthOf(headers: Readonly<Record<string, string>>): number | undefined {
  const length = Number(headers["content-length"] ?? NaN);
  const coding = headers["content-encoding"] ?? "identity";
  return Number.isSafeInteger(length) && coding === "identity" ? length : undefined;
}

function typeOf(contentType: string): Pick<Source, "contentType" | "charset"> {
  return {
    contentType: contentType.split(";", 1)[0]!.trim().toLowerCase(),
    // ASCII is what a data: URL is in that names nothing, and every server's word for what it does not know.
    charset: /us-ascii/i.test(contentType) ? undefined : charsetNamedBy(contentType),
  };
}
