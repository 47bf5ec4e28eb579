/**
 * Answers in fewer bytes, for whoever says that it reads them.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";

export type Encoding = "br" | "gzip";

/** Shorter answers fit into one packet anyway. */
const BYTES_MIN = 1_400;
/** Most of the gain at a fraction of the time, since answers are made anew each time. */
const GZIP_LEVEL = 4;

const gzipped = promisify<Buffer, { level: number }, Buffer>(gzip);
const brotlied = promisify<Buffer, { params: Record<number, number> }, Buffer>(brotliCompress);

/** The best of `offered` that an Accept-Encoding header takes; undefined: none. */
export function encodingFor(
  header: string | null | undefined,
  offered: readonly Encoding[],
): Encoding | undefined {
  if (header === null || header === undefined) return undefined;
  const refused = new Set<string>();
  const taken = new Set<string>();
  for (const part of header.split(",")) {
    const [name = "", ...parameters] = part.trim().toLowerCase().split(";");
    const weight = parameters.map((each) => /^\s*q=([\d.]+)\s*$/.exec(each)?.[1])
      .find((each) => each !== undefined);
    (Number(weight ?? 1) > 0 ? taken : refused).add(name.trim());
  }
  return offered.find((each) => taken.has(each) || (taken.has("*") && !refused.has(each)));
}

/** What is made once and served often, as small as it gets. */
export function pressed(bytes: Uint8Array, encoding: Encoding): Promise<Uint8Array> {
  return encoding === "gzip"
    ? gzipped(Buffer.from(bytes), { level: constants.Z_BEST_COMPRESSION })
    : brotlied(Buffer.from(bytes), {
      params: {
        [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
        [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
      },
    });
}

/** The answer, compressed where that is worth it; streams and what has an encoding stay as they are. */
export async function compressed(
  response: Response,
  acceptEncoding: string | undefined,
): Promise<Response> {
  const { headers } = response;
  const length = Number(headers.get("content-length") ?? 0);
  if (!isText(headers.get("content-type")) || headers.has("content-encoding")) return response;
  headers.set("vary", "accept-encoding");
  if (length < BYTES_MIN || encodingFor(acceptEncoding, ["gzip"]) === undefined) return response;
  const whole = Buffer.from(await response.arrayBuffer());
  const body = await gzipped(whole, { level: GZIP_LEVEL });
  headers.set("content-encoding", "gzip");
  headers.set("content-length", String(body.length));
  return new Response(new Uint8Array(body), { status: response.status, headers });
}

function isText(contentType: string | null): boolean {
  return /^(application\/(json|javascript|openapi)|text\/(?!event-stream)|image\/svg)/
    .test(contentType ?? "");
}
