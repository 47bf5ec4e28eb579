/**
 * The one road from any job to the network. A URL is foreign input: its host is resolved here, every
 * address it has is checked, and the connection goes to the very address that was checked, so that
 * no second look-up can change it. Redirects are followed by hand and judged like the first URL.
 *
 * @module
 */

import { lookup } from "node:dns/promises";
import type { IncomingMessage } from "node:http";
import { type AddressGuard, type AddressPolicy, createAddressGuard } from "./address_guard.ts";
import {
  type GuardedFetch,
  type GuardedFetchOptions,
  type GuardedResponse,
  PermanentJobError,
} from "./contract.ts";
import { decodedBody } from "./decoded_body.ts";
import { FetchError, FetchTimeoutError, plainWords } from "./fetch_error.ts";
import {
  firstRequest,
  nextUrl,
  portOf,
  redirectedRequest,
  redirectTarget,
  webUrl,
  withCookies,
} from "./fetch_request.ts";
import { exchange, type ExchangeRequest, ExchangeTimeoutError } from "./http_exchange.ts";
import { describeUrl } from "./job_url.ts";
import { joinBytes } from "./join_bytes.ts";

export { decodeDataUrl } from "./data_url.ts";
export { FetchError, FetchStatusError, FetchTimeoutError, requireSuccess } from "./fetch_error.ts";
export { JobUrlError } from "./job_url.ts";
export { openLocalFile } from "./local_file.ts";

/** What jobs may reach, and the bounds of a fetch that names none of its own. */
export interface FetchPolicy extends AddressPolicy {
  /**
   * `allow`, for development: everything but multicast and the metadata services of clouds.
   * `refuse`: nothing but public unicast addresses and the allow-list.
   */
  readonly privateAddresses: "allow" | "refuse";
  /** Hosts, `*.` domains, host:port, addresses and CIDR ranges allowed although not public. */
  readonly allowList: readonly string[];
  readonly userAgent: string;
  /** Time for the whole exchange with its redirects and body, in ms. Default one minute. */
  readonly timeoutMs?: number;
  /** Time for one connection, in ms. Default ten seconds. */
  readonly connectTimeoutMs?: number;
  /** Bytes of decoded body. Default 64 MiB. */
  readonly bodyBytesMax?: number;
  /** In PEM, trusted besides the well-known ones. */
  readonly certificateAuthorities?: readonly string[];
}

/** All addresses of a host name, in the order in which to try them. */
export type ResolveHost = (host: string) => Promise<readonly string[]>;

const TIMEOUT_MS = 60_000;
const CONNECT_TIMEOUT_MS = 10_000;
const BODY_BYTES_MAX = 64 * 1024 * 1024;
const REDIRECTS_MAX = 10;
/** Beyond it a timer of the runtime fires at once. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/**
 * Builds the fetch that jobs are given. It answers with whatever status came; see
 * {@linkcode requireSuccess}. It throws
 * - `AddressRefusedError`, permanent, for an address, scheme or port that is refused,
 * - `JobUrlError`, permanent, for a URL that is none or holds credentials,
 * - `InputTooLargeError`, permanent and while the body is read, beyond `bodyBytesMax`,
 * - {@linkcode FetchError} when the network or the server fails: another attempt may do; of it
 *   {@linkcode FetchTimeoutError} when a time ran out, and which,
 * - the reason of `signal` when that is aborted.
 *
 * @param resolveHost how names become addresses; the system's resolver, but for tests.
 * @throws {RangeError} when the policy's allow-list holds an entry that cannot be read.
 */
export function createGuardedFetch(
  policy: FetchPolicy,
  resolveHost: ResolveHost = systemAddresses,
): GuardedFetch {
  const guard = createAddressGuard(policy);
  return async (input, options = {}) => {
    const visit = new Visit(input, options, policy);
    try {
      return await followed(visit, { guard, resolveHost, policy });
    } catch (error) {
      throw visit.abandon(error);
    }
  };
}

/** What every step of a visit needs. */
interface Road {
  readonly guard: AddressGuard;
  readonly resolveHost: ResolveHost;
  readonly policy: FetchPolicy;
}

async function followed(visit: Visit, road: Road): Promise<GuardedResponse> {
  const { options } = visit;
  const redirectsMax = options.redirectsMax ?? REDIRECTS_MAX;
  let message = firstRequest(options, road.policy);
  for (let redirects = 0;; redirects++) {
    const answer = await step(visit, message, road);
    const target = redirectsMax === 0 ? undefined : redirectTarget(answer);
    if (target === undefined) return responseOf(answer, message.method, visit, road.policy);
    answer.destroy();
    if (redirects === redirectsMax) {
      throw new FetchError(`${visit.what} was redirected more than ${redirectsMax} times.`);
    }
    const next = nextUrl(target, visit.url);
    message = redirectedRequest(message, answer.statusCode ?? 0, visit.url, next);
    visit.goTo(next, message.method);
  }
}

/** One request to the URL where the visit is now. */
async function step(
  visit: Visit,
  message: ExchangeRequest,
  { guard, resolveHost, policy }: Road,
): Promise<IncomingMessage> {
  const { url, signal } = visit;
  const port = portOf(url);
  visit.onPhase("looking up its host");
  const addresses = await unlessAborted(addressesOf(url.hostname, resolveHost), signal);
  guard.check(url.hostname, port, addresses);
  const { cookies, connectTimeoutMs, firstByteTimeoutMs } = visit.options;
  const answer = await exchange({ url, port, addresses }, withCookies(message, url, cookies), {
    connectTimeoutMs: connectTimeoutMs ?? policy.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
    firstByteTimeoutMs,
    certificateAuthorities: policy.certificateAuthorities ?? [],
    signal,
    onPhase: (phase) => visit.onPhase(phase),
  });
  cookies?.keep(url, answer.headers["set-cookie"] ?? []);
  return answer;
}

function responseOf(
  answer: IncomingMessage,
  method: string,
  visit: Visit,
  policy: FetchPolicy,
): GuardedResponse {
  const status = answer.statusCode ?? 0;
  const hasBody = method !== "HEAD" && status !== 204 && status !== 304;
  visit.onPhase("reading its body");
  const body = hasBody
    ? decodedBody(answer, {
      what: visit.what,
      bytesMax: visit.options.bodyBytesMax ?? policy.bodyBytesMax ?? BODY_BYTES_MAX,
      onBytes: (count) => visit.onPhase(`reading its body (${count} bytes so far)`),
      explain: (error) => visit.explain(error),
      onEnd: () => visit.release(),
    })
    : emptyBody(answer, visit);
  return {
    status,
    headers: headersOf(answer),
    url: visit.url.href,
    redirects: visit.redirects,
    body,
    bytes: () => collected(body),
  };
}

function emptyBody(answer: IncomingMessage, visit: Visit): ReadableStream<Uint8Array> {
  answer.destroy();
  visit.release();
  return new ReadableStream({ start: (controller) => controller.close() });
}

/** Where a fetch is on its way, what it waits for, and until when. */
class Visit {
  readonly options: GuardedFetchOptions;
  readonly #stop = new AbortController();
  readonly #seen = new Set<string>();
  readonly #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #caller: AbortSignal | undefined;
  #url: URL;
  #phase = "";

  constructor(input: string | URL, options: GuardedFetchOptions, policy: FetchPolicy) {
    this.options = options;
    options.signal?.throwIfAborted();
    this.#url = webUrl(input);
    this.#seen.add(`${options.method ?? "GET"} ${this.#url.href}`);
    const timeoutMs = options.timeoutMs ?? policy.timeoutMs ?? TIMEOUT_MS;
    if (timeoutMs <= TIMER_MS_MAX) {
      this.#timer = setTimeout(() => this.#stop.abort(this.#timedOut(timeoutMs)), timeoutMs);
    }
    this.#caller = options.signal;
    this.#caller?.addEventListener("abort", this.#aborted, { once: true });
  }

  get url(): URL {
    return this.#url;
  }

  get redirects(): number {
    return this.#seen.size - 1;
  }

  /** For messages. */
  get what(): string {
    return describeUrl(this.#url);
  }

  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  goTo(url: URL, method: string): void {
    this.#url = url;
    const key = `${method} ${url.href}`;
    // Without cookies the same request gets the same answer.
    if (this.#seen.has(key) && this.options.cookies === undefined) {
      throw new FetchError(`${this.what} is redirected to itself, in a circle.`);
    }
    this.#seen.add(key);
  }

  onPhase(phase: string): void {
    this.#phase = phase;
  }

  explain(error: unknown): unknown {
    if (this.signal.aborted) return this.signal.reason;
    if (error instanceof FetchError || error instanceof PermanentJobError) return error;
    if (error instanceof ExchangeTimeoutError) {
      const message = `Fetching ${this.what} failed: ${error.message}.`;
      return new FetchTimeoutError(message, error.limit, { cause: error });
    }
    return new FetchError(`Fetching ${this.what} failed: ${plainWords(error)}.`, { cause: error });
  }

  /** Closes what is still open, and returns what to throw. */
  abandon(error: unknown): unknown {
    const explained = this.explain(error);
    this.release();
    this.#stop.abort(explained);
    return explained;
  }

  /** Ends the watch over time and cancellation. */
  release(): void {
    clearTimeout(this.#timer);
    this.#caller?.removeEventListener("abort", this.#aborted);
  }

  readonly #aborted = () => this.#stop.abort(this.#caller?.reason);

  #timedOut(timeoutMs: number): FetchTimeoutError {
    return new FetchTimeoutError(
      `Fetching ${this.what} took longer than ${timeoutMs} ms; it was ${this.#phase}.`,
      "whole",
    );
  }
}

async function addressesOf(hostname: string, resolveHost: ResolveHost): Promise<readonly string[]> {
  // The URL parser has already turned every spelling of an IPv4 address into four decimal parts.
  if (hostname.startsWith("[")) return [hostname.slice(1, -1)];
  if (/^\d{1,3}(\.\d{1,3}){3}$/.test(hostname)) return [hostname];
  const addresses = await resolveHost(hostname.replace(/\.$/, ""));
  if (addresses.length === 0) throw new Error("its host has no address");
  return addresses;
}

async function systemAddresses(host: string): Promise<readonly string[]> {
  const found = await lookup(host, { all: true, verbatim: true });
  return [...new Set(found.map(({ address }) => address))];
}

function headersOf(answer: IncomingMessage): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(answer.headers).map((
      [name, value],
    ) => [name, Array.isArray(value) ? value.join(", ") : value ?? ""]),
  );
}

async function collected(body: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return joinBytes(chunks);
}

/** A look-up cannot be called off, but need not be waited for. */
function unlessAborted<Value>(work: Promise<Value>, signal: AbortSignal): Promise<Value> {
  return new Promise((resolve, reject) => {
    const aborted = () => reject(signal.reason);
    if (signal.aborted) return aborted();
    signal.addEventListener("abort", aborted, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", aborted));
  });
}
