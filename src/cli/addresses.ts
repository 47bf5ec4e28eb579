/**
 * Where others are told to reach a node.
 *
 * @module
 */

import { isWildcardHost } from "../config/mod.ts";

/** What was configured to be told or, without that, the bound host (this one's name for all). */
export function advertised(configured: string, host: string, port: number): string {
  if (configured !== "") return configured;
  const name = isWildcardHost(host) ? Deno.hostname() : host;
  return name.includes(":") ? `[${name}]:${port}` : `${name}:${port}`;
}
