/**
 * `conductor health`: asks the node on this host whether it is ready, for those who watch processes
 * (a container's health check, a service's start) and have no HTTP client at hand.
 *
 * @module
 */

import { request as httpRequest } from "node:http";
import { request as httpsRequest, type RequestOptions } from "node:https";
import { type Config, ConfigError, examineConfig, isWildcardHost } from "../config/mod.ts";
import { tell } from "./answer.ts";
import { FlagReader } from "./arguments.ts";
import { flagsFrom } from "./config_flags.ts";
import { Misuse, NegativeAnswer } from "./failure.ts";
import type { Flags } from "./router.ts";
import { printable, type Terminal } from "./terminal.ts";

/** Beyond it, an answer is no page of ours. In characters. */
const ANSWER_MAX = 4_096;
const TIMEOUT_MS = 3_000;

/**
 * Prints what the node says.
 *
 * @throws NegativeAnswer when it does not answer in time, or is not ready.
 * @throws Misuse when its configuration gives it no HTTP port.
 */
export async function health(flags: Flags, terminal: Terminal): Promise<void> {
  const read = new FlagReader(flags);
  const timeoutMs = read.duration("timeout") ?? TIMEOUT_MS;
  read.done();
  const url = typeof flags.url === "string" ? urlGiven(flags.url) : ownUrl(flags);
  const { status, text } = await answerOf(url, timeoutMs);
  const said = printable(text.trim().replaceAll("\n", "; "));
  if (status !== 200) throw new NegativeAnswer(`${url} answers ${status}: ${said}`);
  const json = { url: String(url), status, answer: said };
  tell(flags, terminal, { json, text: () => `${said}\n` });
}

function urlGiven(text: string): URL {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new Misuse(
      `--url is not an address: "${text}"; write it such as http://127.0.0.1:8080/ready`,
    );
  }
  return url;
}

/** Where the node of this configuration shows whether it is ready. */
function ownUrl(flags: Flags): URL {
  const role = flags.role === "worker" ? "worker" : "master";
  const { config, faults } = examineConfig({
    flags: flagsFrom(flags, role),
    env: Deno.env.toObject(),
    readTextFile: (path) => Deno.readTextFileSync(path),
    role,
  });
  // Another key's fault is the node's affair. Of these the default would stand in: some other node's page.
  const wrong = faults.filter(({ path }) => PAGE_KEYS[role].includes(path));
  if (wrong.length > 0) {
    throw new ConfigError(`The configuration does not say where the ${role} is:`, {
      faults: wrong,
      warnings: [],
    });
  }
  return pageUrl(config, role, flags.live === true ? "health" : "ready");
}

/** What says where a node's page is. */
const PAGE_KEYS = {
  master: ["cluster.http_bind_host", "cluster.http_port", "security.tls.enabled"],
  worker: ["worker.bind_host", "worker.http_port", "security.tls.enabled"],
};

/** @throws Misuse when the configuration gives the node no HTTP port. */
export function pageUrl(config: Config, role: "master" | "worker", page: string): URL {
  const [host, port] = role === "master"
    ? [config.cluster.httpBindHost, config.cluster.httpPort]
    : [config.worker.bindHost, config.worker.httpPort];
  if (port === 0) {
    throw new Misuse(
      `a ${role} of this configuration has no HTTP port; set one, or name a page by --url`,
    );
  }
  const scheme = config.security.tls.enabled ? "https" : "http";
  const dialled = isWildcardHost(host) ? "127.0.0.1" : host.includes(":") ? `[${host}]` : host;
  return new URL(`${scheme}://${dialled}:${port}/${page}`);
}

/** How a page is asked for, beside the usual. */
export interface AskOptions extends RequestOptions {
  /** No more of the answer is kept. */
  readonly charactersMax?: number;
}

/** @throws NegativeAnswer when there is none in time. */
export function answerOf(
  url: URL,
  timeoutMs: number,
  { charactersMax = ANSWER_MAX, ...more }: AskOptions = {},
): Promise<{ status: number; text: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; text: string }>();
  // Whoever listens there may have a certificate for a name that is not this host's. Nothing is told
  // to it, and the answer decides no more than what a container's supervisor thinks of it.
  const options = { rejectUnauthorized: false, signal: AbortSignal.timeout(timeoutMs), ...more };
  const asked = (url.protocol === "https:" ? httpsRequest : httpRequest)(url, options, (answer) => {
    let text = "";
    answer.setEncoding("utf8");
    answer.on("data", (chunk: string) => {
      text = (text + chunk).slice(0, charactersMax);
    });
    answer.on("end", () => resolve({ status: answer.statusCode ?? 0, text }));
    answer.on("error", reject);
  });
  asked.on("error", (failure) => {
    const why = failure.name === "TimeoutError" || failure.name === "AbortError"
      ? `no answer within ${timeoutMs} ms`
      : faultOf(failure, url);
    reject(new NegativeAnswer(`${url} cannot be reached: ${why}`));
  });
  asked.end();
  return promise;
}

/** What went wrong, where a library would speak of parsing and versions. */
function faultOf({ message }: Error, { protocol }: URL): string {
  if (protocol === "http:" && /^Parse Error/.test(message)) {
    return "what answers there is no HTTP; it may speak TLS (security.tls.enabled, --tls)";
  }
  if (protocol === "https:" && /InvalidContentType|wrong version number/.test(message)) {
    return "what answers there speaks no TLS, and was asked with it (security.tls.enabled, --tls)";
  }
  return message;
}
