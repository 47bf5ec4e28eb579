/**
 * The keys for tokens of a node that goes on: read at its start, and again when their files change.
 *
 * @module
 */

import type { LoadedConfig } from "../config/mod.ts";
import {
  readTokenKeys,
  type Reloadable,
  type TokenKeyMaterial,
  type Warn,
} from "../security/mod.ts";
import { configFrom } from "./config_flags.ts";
import type { Flags } from "./router.ts";

/** `security.jwt.*` of a configuration. */
export type JwtConfig = LoadedConfig["config"]["security"]["jwt"];

/** Takes new keys, or throws and goes on with those that it had. */
export type KeyTaker = (keys: TokenKeyMaterial, jwt: JwtConfig) => Promise<void>;

/**
 * What reads the keys anew. Those who use them come later than what watches over files, and are asked
 * when there is something new.
 *
 * @param taker whoever uses the keys; undefined: nobody does (yet)
 */
export function reloadableKeys(
  loaded: LoadedConfig,
  flags: Flags,
  warn: Warn,
  taker: () => KeyTaker | undefined,
): Reloadable {
  const { secretKeyFile, publicKeyPath, privateKeyPath } = loaded.config.security.jwt;
  const files = [secretKeyFile, publicKeyPath, privateKeyPath];
  if (!loaded.file.shipped) files.push(loaded.file.name);
  return {
    name: "security.jwt",
    files: () => files.filter((each) => each !== ""),
    async reload() {
      const take = taker();
      if (take === undefined) return;
      // The rest of the section, such as who issues tokens, holds for the life of a node.
      const { secretKey } = configFrom(flags, loaded.role).config.security.jwt;
      const jwt = { ...loaded.config.security.jwt, secretKey };
      await take(await readTokenKeys(jwt, { profile: loaded.profile, warn }), jwt);
    },
  };
}
