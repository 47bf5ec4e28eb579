/**
 * The system's words for why something of it could not be had.
 *
 * @module
 */

/** What the system said, in Deno's words or Node's, without its error number and the name of our call. */
export function reasonOf(failure: unknown): string {
  const message = failure instanceof Error ? failure.message : String(failure);
  const [, reason] = /^E[A-Z0-9]+: (.*?), [a-z]+(?: '.*')?$/s.exec(message) ?? [];
  if (reason !== undefined) return reason.charAt(0).toUpperCase() + reason.slice(1);
  return message.replace(/ \(os error \d+\).*$/s, "");
}
