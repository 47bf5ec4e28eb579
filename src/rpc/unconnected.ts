/**
 * Why no connection came about. grpc-js says the same of each that failed, and TLS libraries speak of
 * corrupt messages; a person wants to know what listens there.
 *
 * @module
 */

import { connect } from "node:net";
import { certificateFault, leavesCertificateOpen } from "./unverified.ts";

/** How long it may take to find out what listens there, in ms. */
const LOOK_MS = 500;

/** What begins an HTTP/2 connection: the preface, and settings that change nothing. */
const HELLO = new Uint8Array([
  ...new TextEncoder().encode("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
  ...[0, 0, 0, 4, 0, 0, 0, 0, 0],
]);

/** What answers a call in plain HTTP/2, or why nothing does. */
type Listener = "tls" | "http2" | "http1" | "something" | "nobody" | "unknown_name" | "silence";

/** Whether `address` (`host:port`) was dialled with TLS, and what its library said. */
export interface Dialled {
  readonly fault?: string | undefined;
}

/** The end of a sentence that begins with the address. */
export async function whyUnconnected(address: string, { fault }: Dialled = {}): Promise<string> {
  const colon = address.lastIndexOf(":");
  const host = address.slice(0, colon).replace(/^\[|\]$/g, "");
  const port = Number(address.slice(colon + 1));
  if (fault !== undefined && !isOfPlainText(fault)) {
    const found = leavesCertificateOpen(fault) ? await certificateFault(host, port) : undefined;
    return `cannot be connected to: ${found ?? fault}`;
  }
  const listener = await listenerAt(host, port);
  switch (listener) {
    case "http1":
      return "speaks HTTP/1.1 and not gRPC: it is a port of pages or metrics; masters take calls at " +
        "grpc.master_port";
    case "http2":
      if (fault === undefined) break; // so it does now: it was about to listen
      return "speaks without TLS, and was dialled with it: switch it on there, or off here " +
        "(security.tls.enabled, --tls)";
    case "tls":
      if (fault !== undefined) return `cannot be connected to: ${fault}`;
      return "speaks TLS, and was dialled without it: switch it on here too " +
        "(security.tls.enabled, --tls, with --cert, --key and --ca-cert)";
    case "unknown_name":
      return `cannot be found: no address is known for ${host}`;
    case "nobody":
      return "refuses connections";
    case "silence":
      return "does not answer";
    case "something":
      break;
  }
  return "accepts connections, but none came about: is it a gRPC port, do both sides agree on TLS, " +
    "and do they trust each other's certificates?";
}

/** Whether a TLS library stumbled over what was no TLS: Deno's words, and OpenSSL's. */
function isOfPlainText(fault: string): boolean {
  return /InvalidContentType|wrong version number|packet length too long/i.test(fault);
}

async function listenerAt(host: string, port: number): Promise<Listener> {
  const socket = connect({ host, port, timeout: LOOK_MS });
  let isConnected = false;
  const listener = await new Promise<Listener>((resolve) => {
    socket.once("connect", () => {
      isConnected = true;
      socket.write(HELLO);
    });
    socket.once("data", (answer: Uint8Array) => resolve(speakerOf(answer)));
    socket.once("timeout", () => resolve(isConnected ? "something" : "silence"));
    socket.once("close", () => resolve(isConnected ? "something" : "nobody"));
    socket.on("error", ({ code }: NodeJS.ErrnoException) => {
      if (isConnected) return resolve("something");
      resolve(code === "ENOTFOUND" || code === "EAI_AGAIN" ? "unknown_name" : "nobody");
    });
  });
  socket.destroy();
  return listener;
}

/** By the first bytes of an answer, of which the kernel hands over at least what one write brought. */
function speakerOf(answer: Uint8Array): Listener {
  const [first, second] = answer;
  if (first === 0x15 && second === 0x03) return "tls"; // an alert
  if (answer.length >= 9 && answer[3] === 4) return "http2"; // settings
  return new TextDecoder().decode(answer.subarray(0, 5)) === "HTTP/" ? "http1" : "something";
}
