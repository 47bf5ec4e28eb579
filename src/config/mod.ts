/**
 * Profile files, environment and flags become one validated, frozen {@linkcode Config} that names
 * every fault at once. One table, the schema, says what keys there are; reading, checking, showing
 * and documenting derive from it.
 *
 * For each key the strongest source holds: flag, environment (`CONDUCTOR_<SECTION>_<KEY>` before
 * the original's bare name), file, profile default, common default. The file is the profile's own,
 * which is inside the program; `--config FILE` (or CONDUCTOR_CONFIG) replaces it. A
 * `config/*.yaml` in the working directory is never read unasked: what a node does must not depend
 * on where it was started.
 *
 * @module
 */

export { type HostAndPort, isWildcardHost, splitAddress, splitMember } from "./addresses.ts";
export { ConfigError, describeFault, type Fault, type Source } from "./faults.ts";
export { type Profile, PROFILES, type Role } from "./key.ts";
export { changedKeys } from "./changes.ts";
export type { Raw } from "./kinds.ts";
export {
  examineConfig,
  type ExaminedConfig,
  type FlagValue,
  loadConfig,
  type LoadedConfig,
  type LoadOptions,
} from "./load.ts";
export { formatBytes, formatDuration, parseBytes, parseDuration } from "./quantities.ts";
export { shippedFile } from "./profile_files.ts";
export { renderConfig } from "./render.ts";
export { type Config, describeConfig, type KeyDescription } from "./schema.ts";
export { nearest } from "./suggest.ts";
