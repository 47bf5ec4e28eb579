/**
 * What an executor process may do at all, in the runtime's terms. A process that is started with Deno is
 * given no more at its start; the compiled program has every permission baked in, and gives up those
 * kinds of which it needs nothing.
 *
 * @module
 */

import { dirname } from "node:path";

/** Kinds of permissions, as the runtime names them. */
const PERMISSION_NAMES = [
  "read",
  "write",
  "net",
  "env",
  "run",
  "sys",
  "ffi",
  "import",
] as const;
export type PermissionName = typeof PERMISSION_NAMES[number];

/** By kind: all of it, or what is listed; a kind that is left out is refused. */
export type Grants = { readonly [Name in PermissionName]?: "all" | readonly string[] };

/** Everything. */
export const ALL_GRANTED: Grants = Object.fromEntries(
  PERMISSION_NAMES.map((name) => [name, "all"]),
);

/** A setting names no permission, or one that cannot be had here. */
export class PermissionsError extends Error {
  override name = "PermissionsError";
}

/**
 * Reads `worker.handler_permissions`: `all`, or kinds with or without what they are bounded to, such as
 * `net` and `read=/data`. A kind may be named several times.
 *
 * @throws PermissionsError
 */
export function parseGrants(written: readonly string[], isCompiled: boolean): Grants {
  if (written.includes("all")) return ALL_GRANTED;
  const grants: { [Name in PermissionName]?: "all" | string[] } = {};
  for (const entry of written) {
    const [, word = "", value] = /^([^=]*)(?:=(.*))?$/s.exec(entry) ?? [];
    const name = PERMISSION_NAMES.find((each) => each === word);
    if (name === undefined || value === "") {
      throw new PermissionsError(
        `${JSON.stringify(entry)} is no permission; write all, or kinds of them (` +
          `${PERMISSION_NAMES.join(", ")}) such as net or read=/data`,
      );
    }
    if (value !== undefined && isCompiled) {
      throw new PermissionsError(
        `${entry}: the compiled program can only give up whole kinds of permissions; write ` +
          `${name}, or run it with Deno or as a self-extracting build`,
      );
    }
    const before = grants[name];
    if (value === undefined || before === "all") grants[name] = "all";
    else grants[name] = [...before ?? [], value];
  }
  return grants;
}

/** With them modules can be loaded from where they are. */
export function withHandlers(grants: Grants, handlerPaths: readonly string[]): Grants {
  if (grants.read === "all") return grants;
  return { ...grants, read: [...grants.read ?? [], ...handlerPaths.map((path) => dirname(path))] };
}

/** The kinds of which nothing is granted. */
export function refusedBy(grants: Grants): PermissionName[] {
  return PERMISSION_NAMES.filter((name) => grants[name] === undefined);
}

/**
 * How Deno is told. Linux's own bounds are asked for through `ffi`, which the process gives up when it
 * has them. Variables of the environment that are asked for without permission seem not to be set.
 */
export function denoFlags(grants: Grants): string[] {
  if (PERMISSION_NAMES.every((name) => grants[name] === "all")) return ["--allow-all"];
  const flags = PERMISSION_NAMES.flatMap((name) => {
    const granted = name === "ffi" ? "all" : grants[name];
    if (granted === undefined || granted.length === 0) return [];
    // A comma separates; one that belongs to a path is written twice.
    const list = granted === "all" ? "" : `=${granted.map(escaped).join(",")}`;
    return [`--allow-${name}${list}`];
  });
  return ["--no-prompt", ...(grants.env === undefined ? ["--ignore-env"] : []), ...flags];
}

function escaped(value: string): string {
  return value.replaceAll(",", ",,");
}
