/**
 * `${VAR}` in a file's values.
 *
 * @module
 */

/** A value with its variables filled in. */
export interface Expanded {
  readonly text: string;
  /** Variables it names, set or not. */
  readonly named: readonly string[];
  /** Those of them that are not set and have no `:-default`. */
  readonly unset: readonly string[];
  /** Whether a `$NAME` without braces was left as it is. */
  readonly hasBareVariable: boolean;
}

/**
 * Fills in `${VAR}` and `${VAR:-default}` (the default also when VAR is empty, as in a shell);
 * `$$` is one `$`. A variable that is not set is empty, as in Go's os.ExpandEnv. What a variable
 * holds is not expanded again, and a `$` before anything else is itself.
 */
export function expandVariables(
  written: string,
  env: Readonly<Record<string, string | undefined>>,
): Expanded {
  const named: string[] = [];
  const unset: string[] = [];
  let hasBareVariable = false;
  const pattern = /\$\$|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}|\$[A-Za-z_]/g;
  const text = written.replace(pattern, (match, name?: string, fallback?: string) => {
    if (match === "$$") return "$";
    if (name === undefined) {
      hasBareVariable = true;
      return match;
    }
    named.push(name);
    const value = Object.hasOwn(env, name) ? env[name] ?? "" : "";
    if (value !== "") return value;
    if (fallback === undefined) unset.push(name);
    return fallback ?? "";
  });
  return { text, named, unset, hasBareVariable };
}

/** The inverse for a value that names no variable. */
export function escapeVariables(text: string): string {
  return text.replaceAll("$", "$$$$");
}
