import {
  SecurityConfigurationError,
  type SecurityProfile,
  type Warn,
} from "./configuration_error.ts";

/**
 * The oldest Deno whose TLS servers can be trusted with client certificates. Before 2.7.14 they did
 * not ask for one at all, 2.8.0 reported peers without one as verified, and 2.9.5 is the first that
 * this room's tests have been run on.
 */
const OLDEST_SAFE_DENO = "2.9.5";

/**
 * Refuses to go on with a Deno that is too old to check client certificates, whatever the
 * configuration says. The development profile warns instead.
 *
 * @param denoVersion `Deno.version.deno`
 * @throws {SecurityConfigurationError} outside development, when the version is older than
 * {@linkcode OLDEST_SAFE_DENO} or cannot be read
 */
export function assertRuntimeSafe(
  denoVersion: string,
  profile: SecurityProfile,
  warn: Warn = () => {},
): void {
  const fault = faultOf(denoVersion);
  if (fault === undefined) return;
  if (profile !== "development") throw new SecurityConfigurationError([fault]);
  warn(fault);
}

function faultOf(denoVersion: string): string | undefined {
  const remedy = `use Deno ${OLDEST_SAFE_DENO} or newer (npx -y deno@2.9.6)`;
  const actual = parse(denoVersion);
  const oldest = parse(OLDEST_SAFE_DENO);
  if (actual === undefined || oldest === undefined) {
    return `cannot tell whether Deno "${denoVersion}" checks client certificates: ${remedy}`;
  }
  return isBefore(actual, oldest)
    ? `Deno ${denoVersion} does not check client certificates reliably: ${remedy}`
    : undefined;
}

/** Major, minor, patch, and 0 for a pre-release, 1 for a release: they compare in that order. */
function parse(version: string): readonly number[] | undefined {
  const match = /^v?(\d+)\.(\d+)\.(\d+)(-[0-9A-Za-z.-]+)?(\+.*)?$/.exec(version);
  if (match === null) return undefined;
  return [Number(match[1]), Number(match[2]), Number(match[3]), match[4] === undefined ? 1 : 0];
}

function isBefore(left: readonly number[], right: readonly number[]): boolean {
  for (const [index, part] of left.entries()) {
    const other = right[index] ?? 0;
    if (part !== other) return part < other;
  }
  return false;
}
