/**
 * One worker to a directory. Two processes of one worker id would take each other's session away at
 * the masters, again and again; on one host the second is told so instead.
 *
 * @module
 */

import { join } from "node:path";

/** The directory is another process's. */
export class DirectoryTakenError extends Error {
  override name = "DirectoryTakenError";
}

/** A directory that this process may use until it ends or releases it. */
export interface DirectoryClaim {
  release(): void;
}

/**
 * Makes a worker's directory if there is none, and claims it. The claim ends with the process,
 * however that ends.
 *
 * @throws DirectoryTakenError
 */
export function claimDirectory(directory: string, workerId: string): DirectoryClaim {
  let file: Deno.FsFile;
  try {
    Deno.mkdirSync(directory, { recursive: true, mode: 0o700 });
    file = Deno.openSync(join(directory, "lock"), { create: true, write: true, mode: 0o600 });
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    const reason = message.replace(/ \(os error \d+\).*$/s, "");
    throw new Error(
      `cannot use ${directory} as this worker's directory: ${reason}; worker.data_dir ` +
        "(--data-dir) names another",
      { cause },
    );
  }
  if (!file.tryLockSync(true)) {
    file.close();
    throw new DirectoryTakenError(
      `a worker called ${workerId} runs already with the directory ${directory}; give this one ` +
        "another name with --worker-id",
    );
  }
  return { release: () => file.close() };
}
