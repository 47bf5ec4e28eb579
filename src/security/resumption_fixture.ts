/** A client that resumes TLS sessions, for this room's tests. Not part of its door. */

import assert from "node:assert/strict";
import type { PemPair } from "./certificate_fixtures.ts";
import { METHOD } from "./tls_fixtures.ts";

/**
 * Deno's own TLS client never resumes a session, so the client of these tests is Node: it is handed
 * a session at one port, brings it to another, and makes one gRPC call there.
 */
const RESUMING_CLIENT = `
const tls = require("node:tls"), http2 = require("node:http2");
const { firstPort, secondPort, cert, key, method, path } = JSON.parse(process.argv[1]);
const base = { host: "127.0.0.1", servername: "localhost", rejectUnauthorized: false,
  ALPNProtocols: path ? ["http/1.1"] : ["h2"], cert, key };
const report = (outcome) => { console.log(JSON.stringify(outcome)); process.exit(0); };
setTimeout(() => report({ error: "no answer" }), 15000);
const first = tls.connect({ ...base, ALPNProtocols: ["h2", "http/1.1"], port: firstPort });
first.on("error", (error) => report({ error: "first: " + error.message }));
first.once("session", (session) => {
  first.destroy();
  const socket = tls.connect({ ...base, port: secondPort, session });
  socket.on("error", (error) => report({ error: error.message }));
  socket.on("close", () => report({ error: "closed" }));
  if (path) {
    let answer = "", reused = false;
    socket.on("secureConnect", () => { reused = socket.isSessionReused(); });
    socket.on("data", (chunk) => { answer += chunk; });
    socket.removeAllListeners("close");
    socket.on("close", () => report({ reused,
      status: Number(answer.split(" ")[1]), body: answer.split("\\r\\n\\r\\n")[1] }));
    socket.write("GET " + path + " HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n");
    return;
  }
  const session2 = http2.connect("https://localhost", { createConnection: () => socket });
  session2.on("error", () => {});
  const stream = session2.request({ ":method": "POST", ":path": method,
    "content-type": "application/grpc", te: "trailers" });
  let headers = {}, body = Buffer.alloc(0);
  stream.on("response", (h) => { headers = { ...headers, ...h }; });
  stream.on("trailers", (h) => { headers = { ...headers, ...h }; });
  stream.on("data", (chunk) => { body = Buffer.concat([body, chunk]); });
  stream.on("error", () => {});
  stream.on("end", () => report({ reused: socket.isSessionReused(),
    status: Number(headers["grpc-status"]), body: body.toString("latin1") }));
  stream.end(Buffer.from([0, 0, 0, 0, 0]));
});
first.on("data", () => {});
`;

/** What came of it. */
export interface Outcome {
  readonly reused?: boolean;
  /** Of gRPC, or of HTTP. */
  readonly status?: number;
  readonly body?: string;
  readonly error?: string;
}

/** Takes a session from the first port to the second, and calls there: gRPC, or GET if `path` is given. */
export async function resume(
  firstPort: number,
  secondPort: number,
  pair: PemPair | null,
  path?: string,
): Promise<Outcome> {
  const argument = JSON.stringify({ firstPort, secondPort, ...(pair ?? {}), method: METHOD, path });
  const { stdout, stderr } = await new Deno.Command("node", {
    args: ["-e", RESUMING_CLIENT, argument],
  }).output();
  const text = new TextDecoder().decode(stdout);
  assert.notEqual(text, "", new TextDecoder().decode(stderr));
  return JSON.parse(text) as Outcome;
}

/** Whether Node is installed, without which nothing can be resumed. */
export const nodeIsHere = await new Deno.Command("node", { args: ["--version"], stdout: "null" })
  .output()
  .then((output) => output.success, () => false);
