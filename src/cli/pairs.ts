/**
 * Pairs of name and value, as labels and tags are given.
 *
 * @module
 */

/** What is meant by `name==value`, which would be a value that begins with `=`. */
export function singleEquals(pair: string): string {
  const [, name = "", value = ""] = /^([^=]*)=+(.*)$/s.exec(pair) ?? [];
  return value === ""
    ? "no value begins with =; give name=value"
    : `no value begins with = (did you mean ${name}=${value}?)`;
}
