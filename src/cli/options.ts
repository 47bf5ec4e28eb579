import { Option } from "commander";

/** An option whose values are shown and completed; the master refuses others. */
export function withValues(flags: string, description: string, values: readonly string[]): Option {
  const option = new Option(flags, description);
  option.argChoices = [...values];
  return option;
}
