/**
 * How to reach a cluster, as the environment says it to every program of Conductor.
 *
 * @module
 */

import process from "node:process";
import type { ConnectOptions, TlsConnectOptions } from "./connection.ts";

const ADDRESS = "localhost:9000";

/**
 * Reads the variables that `conductor` itself reads: `CONDUCTOR_WORKER_MASTER_ADDRS` (else
 * `CONDUCTOR_WORKER_MASTER_ADDR` or `MASTER_ADDR`, else `localhost:9000`), `CONDUCTOR_TOKEN`, `CONDUCTOR_TOKEN_FILE`,
 * `CONDUCTOR_PAYLOAD_KEY`, `CONDUCTOR_PAYLOAD_KEY_FILE`, `CONDUCTOR_NAMESPACE`, and
 * `SECURITY_TLS_ENABLED`, `..._CA_FILE`, `..._CERT_FILE`, `..._KEY_FILE`, `..._SERVER_NAME` and
 * `..._SKIP_VERIFY`, each with or without `CONDUCTOR_` in front.
 *
 * @throws TypeError for a switch that is neither on nor off
 */
export function fromEnvironment(
  environment: Readonly<Record<string, string | undefined>> = process.env,
): ConnectOptions {
  const read = (...names: readonly string[]) =>
    names.map((name) => environment[name]).find((value) => value !== undefined && value !== "");
  const tls = (name: string) => read(`CONDUCTOR_SECURITY_TLS_${name}`, `SECURITY_TLS_${name}`);
  const addresses = read(
    "CONDUCTOR_WORKER_MASTER_ADDRS",
    "CONDUCTOR_WORKER_MASTER_ADDR",
    "MASTER_ADDR",
  );
  const token = read("CONDUCTOR_SECURITY_TOKEN", "CONDUCTOR_TOKEN");
  const tokenFile = read("CONDUCTOR_SECURITY_TOKEN_FILE", "CONDUCTOR_TOKEN_FILE");
  const payloadKey = read("CONDUCTOR_SECURITY_PAYLOAD_KEY", "CONDUCTOR_PAYLOAD_KEY");
  const payloadKeyFile = read(
    "CONDUCTOR_SECURITY_PAYLOAD_KEY_FILE",
    "CONDUCTOR_PAYLOAD_KEY_FILE",
  );
  const namespace = read("CONDUCTOR_JOBS_NAMESPACES", "CONDUCTOR_NAMESPACE");
  return {
    ...(namespace !== undefined && { namespace }),
    ...(payloadKey !== undefined && { payloadKey }),
    ...(payloadKeyFile !== undefined && { payloadKeyFile }),
    addresses: addresses ?? ADDRESS,
    ...(token !== undefined ? { token } : tokenFile !== undefined ? { tokenFile } : {}),
    ...(isOn(tls, "ENABLED") && { tls: tlsFrom(tls) }),
  };
}

function tlsFrom(read: (name: string) => string | undefined): TlsConnectOptions {
  const fields = {
    caFile: read("CA_FILE"),
    certFile: read("CERT_FILE"),
    keyFile: read("KEY_FILE"),
    serverName: read("SERVER_NAME"),
  };
  const given = Object.entries(fields).filter(([, value]) => value !== undefined);
  return { ...Object.fromEntries(given), skipVerify: isOn(read, "SKIP_VERIFY") };
}

/** In the words that the configuration takes: who asks for TLS must not get plain text. */
function isOn(read: (name: string) => string | undefined, name: string): boolean {
  const value = read(name);
  const word = value?.trim().toLowerCase() ?? "";
  if (["true", "t", "1", "yes", "on"].includes(word)) return true;
  if (["", "false", "f", "0", "no", "off"].includes(word)) return false;
  throw new TypeError(`SECURITY_TLS_${name} is ${JSON.stringify(value)}; it must be true or false`);
}
