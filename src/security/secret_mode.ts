/**
 * Who may read a secret file.
 *
 * @module
 */

/** What of an opened file's status counts here, as Deno.FileInfo has it. */
export interface FileAccess {
  /** Null where the system has no such modes (Windows). */
  readonly mode: number | null;
  readonly uid: number | null;
}

/**
 * The mode of a secret file that others than its reader can open, as people write it (`0644`);
 * undefined when nobody else can. Files of root's that are given to the reader's group (`0640`) are as
 * private as one's own: so come secrets that an administrator or Kubernetes puts before a service
 * user. It is how PostgreSQL takes the key of its certificate, too.
 *
 * @param ownUid the reader's user; null: unknown
 */
export function exposedMode({ mode, uid }: FileAccess, ownUid: number | null): string | undefined {
  if (mode === null) return undefined;
  const isGiven = uid === 0 && ownUid !== null && ownUid !== 0;
  const forbidden = isGiven ? 0o037 : 0o077;
  return (mode & forbidden) === 0 ? undefined : (mode & 0o777).toString(8).padStart(4, "0");
}
