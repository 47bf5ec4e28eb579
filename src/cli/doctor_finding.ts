/**
 * What `conductor doctor` says of one thing that it looked at.
 *
 * @module
 */

/** `warn`: it works, and may not for long, or not safely. `fail`: it will not work. */
export type Health = "ok" | "warn" | "fail";

export interface Finding {
  /** What was looked at: `disk`, `port`, `certificate` and so on. */
  readonly check: string;
  /** Which one of several: a path, an address, a member. */
  readonly subject: string;
  readonly status: Health;
  readonly found: string;
  /** What to do about it; empty where nothing is to be done. */
  readonly advice: string;
}

/** Findings of one check. */
export function findingsOf(check: string) {
  const make = (status: Health) => (subject: string, found: string, advice = ""): Finding => ({
    check,
    subject,
    status,
    found,
    advice,
  });
  return { ok: make("ok"), warn: make("warn"), fail: make("fail") };
}
