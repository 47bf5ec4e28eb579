/**
 * The configuration files inside the program, one a profile. They are in it, not beside it, so
 * that `conductor` works from any directory and as one file.
 *
 * @module
 */

import development from "../../config/dev.yaml" with { type: "text" };
import production from "../../config/prod.yaml" with { type: "text" };
import staging from "../../config/staging.yaml" with { type: "text" };
import type { Profile } from "./key.ts";
import type { ConfigFile } from "./yaml_file.ts";

const FILES: Readonly<Record<Profile, ConfigFile>> = {
  development: { name: "config/dev.yaml", text: development, shipped: true },
  staging: { name: "config/staging.yaml", text: staging, shipped: true },
  production: { name: "config/prod.yaml", text: production, shipped: true },
};

/** The shipped file of a profile, comments and all: a beginning for one's own. */
export function shippedFile(profile: Profile): ConfigFile {
  return FILES[profile];
}
