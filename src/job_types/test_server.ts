/**
 * Real servers on loopback for the tests of this room.
 *
 * @module
 */

import "reflect-metadata";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { type AddressInfo, createServer as createTcpServer, type Server } from "node:net";
import type { FetchPolicy } from "./guarded_fetch.ts";

/** Answers one request. */
export type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** A server that is stopped when it goes out of scope. */
export interface TestServer extends AsyncDisposable {
  readonly port: number;
  /** `http://127.0.0.1:PORT`, or https. */
  readonly origin: string;
  /** `METHOD /path` of every request so far. */
  readonly requests: string[];
}

/** Lets jobs reach everything that development lets them reach. */
export const OPEN_POLICY: FetchPolicy = {
  privateAddresses: "allow",
  allowList: [],
  userAgent: "Conductor-Test",
  timeoutMs: 20_000,
};

/** An HTTP server whose answers `answer` writes. */
export async function serve(answer: Answer): Promise<TestServer> {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    answer(request, response);
  });
  return { ...await listening(server, "http"), requests };
}

/** An HTTP server of fixed pages by path; anything else is 404. */
export function serveSite(
  pages: Readonly<Record<string, string | Uint8Array | Answer>>,
  contentType = "text/html; charset=utf-8",
): Promise<TestServer> {
  return serve((request, response) => {
    const path = (request.url ?? "/").replace(/[?#].*$/, "");
    const page = Object.hasOwn(pages, path) ? pages[path] : undefined;
    if (typeof page === "function") return page(request, response);
    response.setHeader("content-type", contentType);
    response.statusCode = page === undefined ? 404 : 200;
    response.end(page ?? "nothing here");
  });
}

/** An HTTPS server with a certificate for `name` that is signed by itself. */
export async function serveTls(
  name: string,
  answer: Answer,
): Promise<TestServer & { readonly certificate: string }> {
  const { certificate, key } = await selfSigned(name);
  const requests: string[] = [];
  const server = createTlsServer({ cert: certificate, key }, (request, response) => {
    requests.push(`${request.method} ${request.url}`);
    answer(request, response);
  });
  server.on(
    "tlsClientError",
    () => {/* a client that refuses our certificate is what is tested */},
  );
  return { ...await listening(server, "https"), requests, certificate };
}

/** A server that says exactly `bytes` to whoever sends anything, and then closes unless told not to. */
export async function serveRaw(bytes: string | Uint8Array, close = true): Promise<TestServer> {
  const server = createTcpServer((socket) => {
    socket.on("error", () => {/* the client may leave at any time */});
    socket.once("data", () => {
      socket.write(bytes);
      if (close) socket.end();
    });
  });
  return { ...await listening(server, "http"), requests: [] };
}

async function listening(server: Server, scheme: string) {
  const sockets = new Set<{ destroy(): void; once(event: "close", done: () => void): void }>();
  const track = (socket: typeof sockets extends Set<infer Each> ? Each : never) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  };
  server.on("connection", track);
  server.on("secureConnection", track);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    origin: `${scheme}://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

async function selfSigned(name: string): Promise<{ certificate: string; key: string }> {
  const x509 = await import("@peculiar/x509");
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const keys = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=${name}`,
    keys,
    signingAlgorithm: algorithm,
    extensions: [new x509.SubjectAlternativeNameExtension([{ type: "dns", value: name }])],
  });
  const key = await crypto.subtle.exportKey("pkcs8", keys.privateKey);
  return {
    certificate: certificate.toString("pem"),
    key: x509.PemConverter.encode(key, "PRIVATE KEY"),
  };
}
