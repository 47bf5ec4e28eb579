/**
 * A job's result or payload as its bytes are. They are anybody's: whatever a browser could run is
 * handed out as a file, and what it may show cannot do anything.
 *
 * @module
 */

import { isNestedTooDeeply } from "../http/mod.ts";
import { type JobResult, Refusal } from "../rpc/mod.ts";

/** What browsers show without running anything. */
const SHOWN: ReadonlyMap<string, string> = new Map([
  ["application/json", "json"],
  ["application/x-ndjson", "ndjson"],
  ["image/avif", "avif"],
  ["image/bmp", "bmp"],
  ["image/gif", "gif"],
  ["image/jpeg", "jpg"],
  ["image/png", "png"],
  ["image/webp", "webp"],
  ["text/csv", "csv"],
  ["text/plain", "txt"],
]);

/** What a job answer holds of this. */
export interface JobBytes {
  readonly id: string;
  readonly payload: Uint8Array;
  readonly result?: JobResult | undefined;
}

/** @throws Refusal `not_found` when there is none */
export function bytesAnswer(which: "result" | "payload", job: JobBytes, isDownload: boolean) {
  if (which === "payload") {
    const type = isJson(job.payload) ? "application/json" : "";
    return fileAnswer(job.payload, type, `${job.id}-payload`, isDownload);
  }
  const { result } = job;
  if (result === undefined || !result.success) {
    throw new Refusal("not_found", `job ${job.id} has left no result`);
  }
  return fileAnswer(result.output, result.contentType, `${job.id}-result`, isDownload);
}

function fileAnswer(bytes: Uint8Array, type: string, name: string, isDownload: boolean): Response {
  const [essence = ""] = type.toLowerCase().split(";").map((each) => each.trim());
  const extension = SHOWN.get(essence);
  const isText = extension !== undefined && !essence.startsWith("image/");
  const contentType = extension === undefined
    ? "application/octet-stream"
    : isText
    ? `${essence}; charset=utf-8`
    : essence;
  const how = extension === undefined || isDownload ? "attachment" : "inline";
  return new Response(new Uint8Array(bytes), {
    headers: {
      "content-type": contentType,
      "content-length": String(bytes.length),
      "content-disposition": `${how}; filename="${fileName(name)}.${extension ?? "bin"}"`,
      "content-security-policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
      "cross-origin-resource-policy": "same-origin",
      "x-content-type-options": "nosniff",
      "cache-control": "no-store",
    },
  });
}

function fileName(name: string): string {
  return name.replace(/[^\w.-]/g, "_");
}

function isJson(bytes: Uint8Array): boolean {
  if (isNestedTooDeeply(bytes)) return false;
  try {
    JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    return true;
  } catch {
    return false;
  }
}
