import { closeSync, fstat, fsync, openSync, read, write } from "node:fs";
import { promisify } from "node:util";

const CHUNK_BYTES = 1024 * 1024;

/**
 * Copies what the open file `descriptor` holds to a new file at `path`, in the background, and
 * forces it to the disk. The file must not change meanwhile, unless the copy is given up by `signal`
 * before. The descriptor stays open.
 *
 * @throws the reason of `signal`
 */
export async function copyDescriptor(
  descriptor: number,
  path: string,
  signal: AbortSignal,
): Promise<void> {
  const { size } = await promisify(fstat)(descriptor);
  const target = openSync(path, "wx", 0o600);
  try {
    const chunk = new Uint8Array(CHUNK_BYTES);
    for (let offset = 0; offset < size;) {
      const wanted = Math.min(CHUNK_BYTES, size - offset);
      const { bytesRead } = await promisify(read)(descriptor, chunk, 0, wanted, offset);
      // By then the descriptor may be that of another file.
      signal.throwIfAborted();
      if (bytesRead === 0) throw new Error(`the file ended at ${offset} of ${size} bytes`);
      await writeAll(target, chunk.subarray(0, bytesRead), offset);
      offset += bytesRead;
    }
    await promisify(fsync)(target);
  } finally {
    closeSync(target);
  }
}

async function writeAll(target: number, bytes: Uint8Array, offset: number): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    const { bytesWritten } = await promisify(write)(
      target,
      bytes,
      at,
      bytes.length - at,
      offset + at,
    );
    at += bytesWritten;
  }
}
