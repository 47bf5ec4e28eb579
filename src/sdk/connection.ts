/**
 * From what a program says about its cluster to a channel: addresses, TLS, tokens, times.
 *
 * @module
 */

import { ChannelCredentials } from "@grpc/grpc-js";
import { readFileSync } from "node:fs";
import { type Calls, type ChannelOptions, ClusterChannel } from "../rpc/light.ts";
import { type PayloadKeys, readPayloadKeys, TlsChannelCredentials } from "../security/light.ts";
import { TokenSource } from "./token_source.ts";

/** How to reach a cluster. */
export interface ConnectOptions {
  /** `host:port` of one or more masters; one is enough, the others are learned. */
  readonly addresses: string | readonly string[];
  /** `true`: TLS with the system's authorities and no certificate of our own. Default: plain text. */
  readonly tls?: boolean | TlsConnectOptions;
  /**
   * What to present: a token, or a function that gives one. The function is asked before each call (a
   * worker's: every half minute), so it keeps what is dear to get; it may be asynchronous.
   */
  readonly token?: string | (() => string | Promise<string>);
  /** A file with the token, read anew at each call so that it can be renewed in place. */
  readonly tokenFile?: string;
  /**
   * Encrypts payloads, and decrypts what jobs were given and left: 32 bytes in base64, as
   * `conductor payload-key new` makes them; of several, by commas, the first encrypts and all decrypt. A
   * worker decrypts with it, and encrypts what such jobs leave and say.
   */
  readonly payloadKey?: string;
  /** A file with such keys, one a line, which only its owner may read; read once. */
  readonly payloadKeyFile?: string;
  /**
   * The namespace that calls are about. Default: what is submitted, and batches and schedules by their
   * names, are in the only one that the token is for, else in `default`; lists, and what is done to many
   * jobs, are about all that the token lets see. Workers take `namespaces`.
   */
  readonly namespace?: string;
  /** Time for one call with all its tries, in ms. Default: 10,000. */
  readonly callTimeoutMs?: number;
  /** Time to connect to one address, in ms. Default: 2,000. */
  readonly dialTimeoutMs?: number;
  /** How long a call waits while no master can be connected to, in ms. Default: `callTimeoutMs`. */
  readonly connectionWaitMs?: number;
  /** Longest message, in bytes, as the cluster's `grpc.max_msg_size`. Default: 4 MiB. */
  readonly messageBytesMax?: number;
  /** Told before a call is repeated because no master takes it. */
  readonly onUnavailable?: (reason: string, sinceMs: number) => void;
}

/** TLS (1.3). Each of `ca`, `cert` and `key` is PEM; each `...File` names a file with it. */
export interface TlsConnectOptions {
  /** Authorities to trust; none: the system's. */
  readonly ca?: string;
  /** The same, in a file. */
  readonly caFile?: string;
  /** Our own certificate, where the cluster asks for one (mutual TLS); needs a key. */
  readonly cert?: string;
  /** The same, in a file. */
  readonly certFile?: string;
  /** The certificate's private key. */
  readonly key?: string;
  /** The same, in a file. */
  readonly keyFile?: string;
  /** The name that masters must prove, when it is not the one that is dialled. */
  readonly serverName?: string;
  /** Trust whoever answers. For development only. */
  readonly skipVerify?: boolean;
}

/** A channel, and what keeps its token fresh. */
export interface OpenChannel {
  readonly channel: ClusterChannel;
  readonly tokens: TokenSource;
}

const CALL_TIMEOUT_MS = 10_000;
const DIAL_TIMEOUT_MS = 2_000;
const MESSAGE_BYTES_MAX = 4 * 1024 * 1024;

/**
 * Opens a channel; connects when something is first asked.
 *
 * @param more what the caller's kind of program sets by itself
 * @throws TypeError for options that do not fit together; an Error that names a file which cannot be read
 */
export function openChannel(
  options: ConnectOptions,
  more: Pick<ChannelOptions, "streamSilenceMs"> = {},
): OpenChannel {
  const addresses = addressesOf(options.addresses);
  const tokens = new TokenSource(options);
  const tls = options.tls === undefined || options.tls === false
    ? undefined
    : options.tls === true
    ? {}
    : options.tls;
  const { callTimeoutMs = CALL_TIMEOUT_MS } = options;
  const channel = new ClusterChannel({
    ...more,
    addresses,
    credentials: tls === undefined ? ChannelCredentials.createInsecure() : credentialsOf(tls),
    ...(tls?.serverName !== undefined &&
      { grpcOptions: { "grpc.ssl_target_name_override": tls.serverName } }),
    token: () => tokens.current,
    callTimeoutMs,
    dialTimeoutMs: options.dialTimeoutMs ?? DIAL_TIMEOUT_MS,
    connectionWaitMs: options.connectionWaitMs ?? callTimeoutMs,
    messageBytesMax: options.messageBytesMax ?? MESSAGE_BYTES_MAX,
    ...(options.onUnavailable && { onUnavailable: options.onUnavailable }),
  });
  return { channel, tokens };
}

/** The payload keys of a program. @throws PayloadKeyError when they cannot be had */
export function payloadKeysOf(
  { payloadKey = "", payloadKeyFile = "" }: ConnectOptions,
): PayloadKeys {
  return readPayloadKeys({ text: payloadKey, file: payloadKeyFile });
}

/** The channel's calls, each with a token that was asked for just before. */
export function withFreshToken({ channel, tokens }: OpenChannel): Calls {
  if (!tokens.isAsked) return channel;
  return {
    call: async (method, request, options) => {
      await tokens.refresh();
      return await channel.call(method, request, options);
    },
    submit: async (request, options) => {
      await tokens.refresh();
      return await channel.submit(request, options);
    },
    stream: async function* (method, request, signal) {
      await tokens.refresh();
      yield* channel.stream(method, request, signal);
    },
    close: () => channel.close(),
  };
}

/** @throws TypeError for what no program with a compiler gives, too */
function addressesOf(given: string | readonly string[] | undefined): readonly string[] {
  if (typeof given !== "string" && !Array.isArray(given)) {
    const lack = given === undefined ? "missing" : "neither a text nor a list";
    throw new TypeError(`addresses is ${lack}: name a master, such as localhost:9000`);
  }
  const addresses = (typeof given === "string" ? given.split(",") : given)
    .map((each) => each.trim()).filter((each) => each !== "");
  if (addresses.length === 0) {
    throw new TypeError("addresses is empty: name a master, such as localhost:9000");
  }
  const bad = addresses.find((each) => !isAddress(each));
  if (bad === undefined) return addresses;
  throw new TypeError(
    `addresses has ${JSON.stringify(bad)}: write HOST:PORT, such as localhost:9000 or [::1]:9000`,
  );
}

/** Neither a URL nor a host without its port can be dialled, which the transport says late, or not at all. */
function isAddress(text: string): boolean {
  const port = Number(/^(?:\[[^[\]\s]+\]|[^:/[\]\s]+):(\d{1,5})$/.exec(text)?.[1]);
  return port >= 1 && port <= 65_535;
}

function credentialsOf(tls: TlsConnectOptions): ChannelCredentials {
  const ca = pemOf(tls, "ca");
  const cert = pemOf(tls, "cert");
  const key = pemOf(tls, "key");
  if ((cert === undefined) !== (key === undefined)) {
    const [given, missing] = cert === undefined ? ["key", "cert"] : ["cert", "key"];
    throw new TypeError(`tls.${given} is set and tls.${missing} is not: set both or neither`);
  }
  return new TlsChannelCredentials({
    authoritiesPem: ca,
    certificatePem: cert,
    privateKeyPem: key,
    skipVerify: tls.skipVerify ?? false,
    oldestTls: "TLSv1.3",
  });
}

function pemOf(tls: TlsConnectOptions, name: "ca" | "cert" | "key"): string | undefined {
  const text = tls[name];
  const path = tls[`${name}File`];
  if (text !== undefined && path !== undefined) {
    throw new TypeError(`tls.${name} and tls.${name}File are both set; set one of them`);
  }
  if (path === undefined) return text;
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw new Error(`cannot read tls.${name}File ${path}: ${(cause as Error).message}`, { cause });
  }
}
