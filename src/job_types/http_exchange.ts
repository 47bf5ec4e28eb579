/**
 * One request and its answer over one connection to an address that was checked before. Nothing in
 * here looks up a name, follows a redirect, or asks the environment for a proxy.
 *
 * @module
 */

import { type IncomingMessage, request } from "node:http";
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls, rootCertificates } from "node:tls";

/** Where to connect, and as whom the server must prove itself. */
export interface Endpoint {
  readonly url: URL;
  /** The checked addresses of the URL's host, tried in order. */
  readonly addresses: readonly string[];
  readonly port: number;
}

/** What to send. */
export interface ExchangeRequest {
  readonly method: string;
  /** Lower-case names; `host` and `content-length` are set here. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | undefined;
}

/** How to go about it. */
export interface ExchangeOptions {
  /** Time for one connection with its TLS handshake, in ms. */
  readonly connectTimeoutMs: number;
  /** Time from when the request has been sent until the answer's headers are there, in ms. */
  readonly firstByteTimeoutMs: number | undefined;
  /** In PEM, trusted besides the well-known ones. */
  readonly certificateAuthorities: readonly string[];
  /** Ends the exchange in whatever phase it is; its reason is what the caller sees. */
  readonly signal: AbortSignal;
  /** What is being waited for, for the message of a timeout. */
  readonly onPhase: (phase: string) => void;
}

/** Nothing answered within the time for connecting, or nothing came within that for the answer. */
export class ExchangeTimeoutError extends Error {
  override name = "ExchangeTimeoutError";
  readonly limit: "connect" | "first_byte";

  constructor(message: string, limit: "connect" | "first_byte") {
    super(message);
    this.limit = limit;
  }
}

/** Of an answer's header section; 16 KiB, the default, is less than some sites send. */
const HEADER_BYTES_MAX = 64 * 1024;

/** With more addresses left to try, one that does not answer is given up after this long. */
const NEXT_ADDRESS_AFTER_MS = 3_000;

/**
 * Connects, sends, and returns the answer once its headers are there. The caller reads or destroys
 * the message, which closes the connection.
 */
export async function exchange(
  endpoint: Endpoint,
  message: ExchangeRequest,
  options: ExchangeOptions,
): Promise<IncomingMessage> {
  const socket = await connectToAny(endpoint, options);
  options.onPhase("waiting for the answer");
  return await answerOf(socket, endpoint, message, options);
}

async function connectToAny(endpoint: Endpoint, options: ExchangeOptions): Promise<Socket> {
  let failure: unknown = new Error("The host has no address.");
  for (const [index, address] of endpoint.addresses.entries()) {
    const isLast = index === endpoint.addresses.length - 1;
    const timeoutMs = isLast
      ? options.connectTimeoutMs
      : Math.min(options.connectTimeoutMs, NEXT_ADDRESS_AFTER_MS);
    try {
      options.onPhase("connecting");
      return await connectTo(address, endpoint, timeoutMs, options);
    } catch (error) {
      options.signal.throwIfAborted();
      failure = error;
    }
  }
  throw failure;
}

function connectTo(
  address: string,
  { url, port }: Endpoint,
  timeoutMs: number,
  { signal, certificateAuthorities }: ExchangeOptions,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const isTls = url.protocol === "https:";
    const socket = isTls
      ? connectTls({
        host: address,
        port,
        ALPNProtocols: ["http/1.1"],
        ...tlsName(url.hostname),
        ...(certificateAuthorities.length === 0
          ? {}
          : { ca: [...rootCertificates, ...certificateAuthorities] }),
      })
      : connectTcp({ host: address, port });
    const fail = (error: unknown) => {
      settle();
      socket.destroy();
      reject(error);
    };
    const abort = () => fail(signal.reason);
    const timer = setTimeout(
      () => fail(new ExchangeTimeoutError(`no connection within ${timeoutMs} ms`, "connect")),
      timeoutMs,
    );
    const settle = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", abort);
    };
    signal.addEventListener("abort", abort, { once: true });
    // Stays for good: after the answer there is nobody else to hear of a reset.
    socket.on("error", fail);
    socket.once(isTls ? "secureConnect" : "connect", () => {
      settle();
      resolve(socket);
    });
  });
}

/** The name the certificate must bear. An IP address is verified as such and never sent as SNI. */
function tlsName(hostname: string): { servername?: string } {
  const isAddress = hostname.startsWith("[") || /^[\d.]+$/.test(hostname);
  return isAddress ? {} : { servername: hostname.replace(/\.$/, "") };
}

function answerOf(
  socket: Socket,
  { url }: Endpoint,
  { method, headers, body }: ExchangeRequest,
  { signal, firstByteTimeoutMs }: ExchangeOptions,
): Promise<IncomingMessage> {
  let firstByteTimer: ReturnType<typeof setTimeout> | undefined;
  return new Promise<IncomingMessage>((resolve, reject) => {
    if (signal.aborted) {
      socket.destroy();
      return reject(signal.reason);
    }
    const sent = request({
      // A connection made here is used as it is: no agent, no name look-up, no proxy.
      createConnection: () => socket,
      method,
      path: url.pathname + url.search,
      headers: {
        ...headers,
        host: url.host,
        ...(body === undefined ? {} : { "content-length": String(body.length) }),
        connection: "close",
      },
      setHost: false,
      maxHeaderSize: HEADER_BYTES_MAX,
    }, (answer) => {
      // The signal goes on: the body fails of it too.
      answer.once("close", () => signal.removeEventListener("abort", abort));
      resolve(answer);
    });
    const abort = () => {
      reject(signal.reason);
      sent.destroy();
      socket.destroy();
    };
    signal.addEventListener("abort", abort, { once: true });
    const fail = (error: Error) => {
      signal.removeEventListener("abort", abort);
      socket.destroy();
      reject(error);
    };
    sent.on("error", fail);
    sent.on("upgrade", () => fail(new Error("its server changes to a protocol nobody asked for")));
    sent.once("finish", () => {
      if (firstByteTimeoutMs === undefined) return;
      const late = `no answer within ${firstByteTimeoutMs} ms`;
      firstByteTimer = setTimeout(() => {
        fail(new ExchangeTimeoutError(late, "first_byte"));
        sent.destroy();
      }, firstByteTimeoutMs);
    });
    sent.end(body);
  }).finally(() => clearTimeout(firstByteTimer));
}
