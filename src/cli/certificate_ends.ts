/**
 * What a node's log says of its own certificates' ends.
 *
 * @module
 */

import type { Logger } from "../observability/mod.ts";
import type { TlsMaterial } from "../security/mod.ts";

/** With less than this part of its life left, a certificate is warned of. */
const ENDING_PART = 1 / 8;

/** What is asked of a node's own certificate and key. */
type Own = {
  readonly own: { readonly identity: Identity } | undefined;
  readonly files: Pick<TlsMaterial["files"], "certFile">;
  readonly options: Pick<TlsMaterial["options"], "section">;
};
type Identity = Pick<
  NonNullable<TlsMaterial["own"]>["identity"],
  "fingerprint256" | "notBeforeMs" | "notAfterMs"
>;

/**
 * Returns what is to be called now and then: it tells once of each certificate that it will soon end, and
 * once more that it has. From then on nobody lets this node in, which otherwise looks as if the others
 * were gone.
 */
export function endWarnings(
  log: Pick<Logger, "warn" | "error">,
  materials: () => readonly (Own | undefined)[],
): (nowMs: number) => void {
  const told = new Set<string>();
  return (nowMs) => {
    for (const material of materials()) {
      const identity = material?.own?.identity;
      if (material === undefined || identity === undefined) continue;
      const { notBeforeMs, notAfterMs, fingerprint256 } = identity;
      if (notAfterMs - nowMs > (notAfterMs - notBeforeMs) * ENDING_PART) continue;
      const hasEnded = nowMs >= notAfterMs;
      const what = `${fingerprint256} ${hasEnded ? "ended" : "ends"}`;
      if (told.has(what)) continue;
      told.add(what);
      const fields = {
        section: material.options.section,
        file: material.files.certFile,
        not_after: new Date(notAfterMs).toISOString(),
      };
      if (hasEnded) {
        log.error("this node's certificate has ended, and others refuse it: renew it", fields);
      } else log.warn("this node's certificate ends soon: renew it", fields);
    }
  };
}
