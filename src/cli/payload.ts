/**
 * The payload of a submission, read from where the command line says.
 *
 * @module
 */

import { reasonOf } from "./reason.ts";
import { Misuse } from "./failure.ts";
import type { Sink } from "./terminal.ts";

/**
 * A payload as it was given: text, `@FILE`, or `-` for all of stdin. No more of it is read than a
 * cluster takes.
 *
 * @param bytesMax `jobs.payload_bytes_max`
 * @throws Misuse when it is longer, or cannot be read.
 */
export async function readPayload(text: string, bytesMax: number, err: Sink): Promise<Uint8Array> {
  if (text === "-") {
    if (Deno.stdin.isTerminal()) {
      err.write("conductor: reading the payload from the terminal; Ctrl-D ends it\n");
    }
    return await readAtMost(Deno.stdin.readable, bytesMax);
  }
  if (!text.startsWith("@")) {
    const payload = new TextEncoder().encode(text);
    if (payload.byteLength > bytesMax) throw tooLong(`${payload.byteLength} bytes`, bytesMax);
    return payload;
  }
  const path = text.slice(1);
  if (path === "") throw new Misuse("--payload is @; give the file's path after it, as @job.json");
  try {
    return await readFile(path, bytesMax);
  } catch (cause) {
    if (cause instanceof Misuse) throw cause;
    throw new Misuse(`cannot read the payload from ${path}: ${reasonOf(cause)}`, { cause });
  }
}

async function readFile(path: string, bytesMax: number): Promise<Uint8Array> {
  using file = await Deno.open(path);
  const { size, isFile } = await file.stat();
  if (isFile && size > bytesMax) throw tooLong(`${size} bytes`, bytesMax);
  return await readAtMost(file.readable, bytesMax);
}

async function readAtMost(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  bytesMax: number,
): Promise<Uint8Array> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let bytes = 0;
  for await (const chunk of stream) {
    chunks.push(chunk);
    bytes += chunk.byteLength;
    if (bytes > bytesMax) throw tooLong(`more than ${bytesMax} bytes`, bytesMax);
  }
  return new Uint8Array(await new Blob(chunks).arrayBuffer());
}

function tooLong(length: string, bytesMax: number): Misuse {
  return new Misuse(
    `the payload is ${length}; jobs.payload_bytes_max allows ${bytesMax}: put the data where the ` +
      "job can fetch it, or raise the limit here and on the masters",
  );
}
