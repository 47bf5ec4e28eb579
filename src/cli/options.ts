import { Option } from "commander";

/** What flags say of themselves that bound a wait; see `within`. */
export const TIMEOUT_HELP = "wait no longer than this; exit code 124 if it is not at its end then";
export const WAIT_TIMEOUT_HELP = "as --wait, but no longer than this; exit code 124 then";

/** An option whose values are shown and completed; the master refuses others. */
export function withValues(flags: string, description: string, values: readonly string[]): Option {
  const option = new Option(flags, description);
  option.argChoices = [...values];
  return option;
}
