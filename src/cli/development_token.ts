/**
 * A development master without a configured signing key makes one at each start. This says so, and
 * gives the developer a token where the cluster asks for one.
 *
 * @module
 */

import { join } from "node:path";
import type { LoadedConfig } from "../config/mod.ts";
import type { Logger } from "../observability/mod.ts";
import { issueTokens } from "../security/mod.ts";

/** As long as anybody may leave a development cluster running; its key ends with the process. */
const TTL_MS = 30 * 24 * 60 * 60 * 1000;

/** The file below `cluster.data_dir`. */
const FILE_NAME = "development-token";

/**
 * Logs that `secret` was made, and where roles are enforced writes an administrator's token signed
 * with it, readable by this user alone.
 */
export async function tellOfMadeSecret(
  { config, profile }: LoadedConfig,
  secret: string,
  log: Logger,
): Promise<void> {
  const { jwt, rbac } = config.security;
  const why = "security.jwt.secret_key is empty: tokens are checked with a key made for this start";
  if (!rbac.enabled) return log.info(`${why}; nobody needs one, since roles are not enforced`);
  const { accessToken } = await issueTokens(
    { profile, secret, issuer: jwt.issuer, audience: jwt.audience },
    {
      subject: "developer",
      roles: ["admin"],
      accessTtlMs: TTL_MS,
      refreshTtlMs: TTL_MS,
      nowMs: Date.now(),
    },
  );
  const path = join(config.cluster.dataDir, FILE_NAME);
  await removeIfThere(path);
  await Deno.writeTextFile(path, `${accessToken}\n`, { createNew: true, mode: 0o600 });
  log.info(`${why}; a token of the role admin is in the file, for --token-file`, {
    token_file: path,
  });
}

/** An old one may belong to a process that is gone, and its mode to whoever made it. */
async function removeIfThere(path: string): Promise<void> {
  try {
    await Deno.remove(path);
  } catch (failure) {
    if (!(failure instanceof Deno.errors.NotFound)) throw failure;
  }
}
