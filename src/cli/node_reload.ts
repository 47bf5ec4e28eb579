/**
 * What a node reads anew while it lives: its certificates, authorities and revocations, and the keys of
 * its configuration that can change meanwhile; when their files change, and on SIGHUP, which also opens
 * the files of its logs anew.
 *
 * @module
 */

import { changedKeys, type Config, ConfigError, type LoadedConfig } from "../config/mod.ts";
import type { RootLogger } from "../observability/mod.ts";
import {
  type AuditLog,
  type Reloadable,
  Reloader,
  SecurityConfigurationError,
} from "../security/mod.ts";
import { endWarnings } from "./certificate_ends.ts";
import { configFrom } from "./config_flags.ts";
import { isReloadSignal } from "./interruption.ts";
import { type NodeTls, tellEnds } from "./node_tls.ts";
import type { Flags } from "./router.ts";

/** Has a running node go on by a configuration of which keys marked as live may have changed. */
export type TakeOver = (config: Config) => void;

/** Begins to look at the files; `stop` ends it. */
export async function startReloading(
  loaded: LoadedConfig,
  flags: Flags,
  { log, tls, takeOver, audit = () => null, more = [] }: {
    readonly log: RootLogger;
    readonly tls: NodeTls;
    readonly takeOver: TakeOver;
    /** The audit log, once there is one; SIGHUP opens its file by its name anew. */
    readonly audit?: () => Pick<AuditLog, "reopen"> | null;
    /** What else is read from files. */
    readonly more?: readonly Reloadable[];
  },
): Promise<{ stop(): void }> {
  const warnOfEnds = endWarnings(log, () => [tls.section?.material, tls.raft?.material]);
  const reloader = new Reloader({
    intervalMs: loaded.config.security.reloadIntervalMs,
    onReloaded(name) {
      tls.metrics.reloadsTotal.inc({ result: "success" });
      log.info("reloaded", { what: name });
    },
    onFailed(name, failure) {
      tls.metrics.reloadsTotal.inc({ result: "failure" });
      log.error("cannot be reloaded; what was read before stays in use", {
        what: name,
        // A fault of the files is told; where the program found it helps nobody.
        error: isOfFiles(failure) ? failure.message : failure,
      });
    },
    onLooked() {
      tellEnds(tls);
      warnOfEnds(Date.now());
      tls.watch.sweep(Date.now());
    },
  });
  for (const each of [...reloadables(loaded, flags, log, tls, takeOver), ...more]) {
    await reloader.add(each);
  }
  const hangUp = () => {
    log.info("rereading all files", { signal: "SIGHUP" });
    log.reopen();
    try {
      audit()?.reopen();
    } catch (failure) {
      log.error("the audit log cannot be reopened; the former file stays in use", {
        error: failure,
      });
    }
    reloader.look(true);
  };
  const listens = isReloadSignal();
  if (listens) Deno.addSignalListener("SIGHUP", hangUp);
  reloader.start();
  return {
    stop() {
      reloader.stop();
      if (listens) Deno.removeSignalListener("SIGHUP", hangUp);
    },
  };
}

function isOfFiles(failure: unknown): failure is Error {
  return failure instanceof ConfigError || failure instanceof SecurityConfigurationError;
}

function reloadables(
  loaded: LoadedConfig,
  flags: Flags,
  log: RootLogger,
  { section, raft, revoked, watch }: NodeTls,
  takeOver: TakeOver,
): Reloadable[] {
  const sections = [["security.tls", section], ["security.raft_tls", raft]] as const;
  // In the same turn, so that whoever is connected is cut off and comes back with what is good now,
  // and does not have a call refused first.
  const thenSweep = async (reload: () => Promise<unknown>) => {
    await reload();
    watch.sweep(Date.now());
  };
  return [
    settings(loaded, flags, log, takeOver),
    // Before the certificates: who is revoked shall not get in while those are read.
    {
      name: "security.tls.revocation_file",
      files: () => revoked.files,
      reload: () => revoked.reload(),
    },
    ...sections.flatMap(([name, live]) =>
      live === null
        ? []
        : [{ name, files: () => live.files, reload: () => thenSweep(() => live.reload()) }]
    ),
  ];
}

/**
 * The keys of the configuration's file that a running node takes over; of others that have changed it is
 * told that they wait for a restart, once.
 */
function settings(
  loaded: LoadedConfig,
  flags: Flags,
  log: RootLogger,
  takeOver: TakeOver,
): Reloadable {
  let running = loaded;
  return {
    name: "configuration",
    files: () => loaded.file.shipped ? [] : [loaded.file.name],
    reload() {
      const next = configFrom(flags, loaded.role);
      const { live, atStart } = changedKeys(running, next);
      const { level } = next.config.log;
      if (level !== log.level) log.setLevel(level);
      // Keys of tokens are read, judged and told of by themselves.
      const taken = live.filter((path) => !path.startsWith("security.jwt."));
      if (taken.length > 0) {
        takeOver(next.config);
        log.info("the configuration has changed", { taken_over: taken.join(",") });
      }
      if (atStart.length > 0) {
        log.warn("the configuration has changes that need a restart", {
          after_restart: atStart.join(","),
        });
      }
      running = next;
    },
  };
}
