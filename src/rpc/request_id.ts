/** A request id that a caller may bring: gRPC's metadata takes it as it is, and the audit log tells it whole. */
const REQUEST_ID_PATTERN = /^[ -~]{1,200}$/;

/**
 * What the caller says, if it is fit for a line of a log and for the header in which it goes on to the
 * leader; one of our own else.
 */
export function requestIdOf(said: string | undefined, newRequestId: () => string): string {
  return said !== undefined && REQUEST_ID_PATTERN.test(said) ? said : newRequestId();
}
