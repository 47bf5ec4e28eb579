/** A file or a standard stream. */
export interface SyncWriter {
  writeSync(bytes: Uint8Array): number;
}

/**
 * Writes all of `bytes`, which a pipe may take in parts.
 *
 * @throws Error of the runtime, when the other end is gone or the disk is full.
 */
export function writeAll(writer: SyncWriter, bytes: Uint8Array): void {
  for (let written = 0; written < bytes.length;) {
    written += writer.writeSync(bytes.subarray(written));
  }
}
