/**
 * From a command's flags to a client of the cluster.
 *
 * @module
 */

import { join } from "node:path";
import type { Config, LoadedConfig } from "../config/mod.ts";
import { type ChannelOptions, JobClient } from "../rpc/mod.ts";
import {
  channelOptions,
  type ChannelRules,
  createChannelCredentials,
  loadTls,
  type TlsSource,
} from "../security/mod.ts";
import { createTracer } from "../observability/mod.ts";
import { configFrom } from "./config_flags.ts";
import { LiveLine } from "./live_line.ts";
import type { Flags } from "./router.ts";
import { propagatesTraces, tracerOptions } from "./node_tracing.ts";
import { sealedChannel } from "./payload_keys.ts";
import type { Terminal } from "./terminal.ts";
import { readTokenFile } from "./token_file.ts";

/** Time allowed to one call with all its tries, in ms. */
export const CALL_TIMEOUT_MS = 10_000;

/** A cluster that has not answered for so long is told of, in ms. */
const SILENCE_TOLD_AFTER_MS = 1_000;

/** What a command calls the cluster with. */
export interface Connection {
  readonly client: JobClient;
  /** The last line on stderr, while something goes on. */
  readonly line: LiveLine;
}

/**
 * Calls the cluster, and closes the connections whatever comes of it.
 *
 * @param spanName what the command's span is called, in which all of its calls are
 */
export async function withClient<Answer>(
  flags: Flags,
  terminal: Terminal,
  use: (connection: Connection) => Promise<Answer>,
  spanName = "client.command",
): Promise<Answer> {
  const loaded = configFrom(flags, "client");
  for (const warning of loaded.warnings) terminal.err.write(`conductor: ${warning}\n`);
  const line = new LiveLine(terminal.err);
  const channel = await clientChannel(loaded, CALL_TIMEOUT_MS);
  const tracer = await createTracer(tracerOptions(loaded, "conductor-client", {
    info: () => {},
    warn: (message, { error }) => line.say(`conductor: ${message}: ${error}`),
  }));
  const span = tracer.isEnabled ? tracer.startSpan(spanName, { kind: "client" }) : undefined;
  const propagates = propagatesTraces(loaded);
  const client = new JobClient(sealedChannel({
    ...channel,
    onUnavailable: tellOfSilence(line),
    ...(span !== undefined && propagates ? { traceparent: () => span.traceparent } : {}),
  }, loaded.config));
  try {
    return await use({ client, line });
  } catch (failure) {
    line.clear();
    span?.recordError(failure);
    throw failure;
  } finally {
    client.close();
    span?.end();
    await tracer.shutdown();
  }
}

/** Says why nothing happens, as long as calls are repeated because no master takes them. */
function tellOfSilence(line: LiveLine): (reason: string, sinceMs: number) => void {
  return (reason, sinceMs) => {
    if (sinceMs < SILENCE_TOLD_AFTER_MS) return;
    line.show(`no master answers yet: ${reason}`);
  };
}

/** How a command of that configuration reaches its cluster. */
export async function clientChannel(
  loaded: LoadedConfig,
  callTimeoutMs: number,
): Promise<ChannelOptions> {
  const { config } = loaded;
  const tls = await loadTls({
    ...config.security.tls,
    section: "security.tls",
    profile: loaded.profile,
    role: "client",
    generatedDir: certificateDirectory(config),
    purpose: "client",
    commonName: "client",
  });
  return channelFrom(config, tls, callTimeoutMs);
}

/** What every caller of a master needs: addresses, credentials, token, bounds. `calls` watches calls. */
export function channelFrom(
  config: Config,
  tls: TlsSource | null,
  callTimeoutMs: number,
  rules: ChannelRules = {},
  calls: ChannelOptions["grpcOptions"] = {},
): ChannelOptions {
  return {
    addresses: config.worker.masterAddrs,
    credentials: createChannelCredentials(tls, { ...rules, serverRole: "master" }),
    grpcOptions: { ...channelOptions(tls), ...calls },
    token: tokenSource(config),
    messageBytesMax: config.grpc.maxMsgSizeBytes,
    callTimeoutMs,
    dialTimeoutMs: config.grpc.dialTimeoutMs,
    connectionWaitMs: config.grpc.connectionWaitMs,
  };
}

/**
 * Where certificates made for development are kept: in one place for all that a user runs on a host,
 * so that masters, workers and commands trust each other without being set up.
 */
export function certificateDirectory({ security, cluster }: Config): string {
  const { generatedDir } = security.tls;
  if (generatedDir !== "") return generatedDir;
  const home = Deno.env.get("HOME") ?? Deno.env.get("USERPROFILE") ?? "";
  return home === ""
    ? join(cluster.dataDir, "certificates")
    : join(home, ".conductor", "development-certificates");
}

/** The token to present, read from its file anew at every call so that it can be renewed. */
export function tokenSource(config: Config): () => string | undefined {
  const { token, tokenFile } = config.security;
  if (token !== "") return () => token;
  if (tokenFile === "") return () => undefined;
  return () => readTokenFile(tokenFile).token;
}
