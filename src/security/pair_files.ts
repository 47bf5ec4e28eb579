/**
 * A certificate and its key, which are two files and must change as one.
 *
 * No file system replaces two files at once. So the next certificate is first put beside the present one,
 * durably; then the key is replaced, then the certificate. Whoever reads in between, or after a crash in
 * between, finds a key that is not the certificate's, and the certificate that it belongs to beside it.
 *
 * @module
 */

import { closeSync, fsyncSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { writeFileAtomically } from "./key_files.ts";

/** Where the next certificate waits for its key. */
export function nextCertificateFile(certFile: string): string {
  return `${certFile}.next`;
}

/** Replaces both, the key with mode 0600. */
export async function writePairFiles(
  { certFile, keyFile }: { readonly certFile: string; readonly keyFile: string },
  made: { readonly certificatePem: string; readonly privateKeyPem: string },
): Promise<void> {
  const next = nextCertificateFile(certFile);
  await writeFileAtomically(next, made.certificatePem, 0o644);
  syncDirectory(dirname(certFile));
  await writeFileAtomically(keyFile, made.privateKeyPem, 0o600);
  syncDirectory(dirname(keyFile));
  await Deno.rename(next, certFile);
  syncDirectory(dirname(certFile));
}

/** Has what was renamed in a directory outlive a power failure. Windows knows no such call, and orders by itself. */
function syncDirectory(path: string): void {
  if (Deno.build.os === "windows") return;
  const directory = openSync(path, "r");
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}
