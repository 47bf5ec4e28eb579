/**
 * Where a worker that announced itself can be called.
 *
 * @module
 */

/** A host by which a node can only mean itself. */
const OWN_HOST = /^(localhost|127(\.\d+){3}|\[?::1\]?|0\.0\.0\.0|\[?::\]?|)$/i;

/**
 * The original's workers announce `localhost:PORT` wherever they run. From another host that leads
 * nowhere, and where the announcement came from does.
 *
 * @param address as announced
 * @param peerAddress `ip:port` that the announcement came from
 */
export function callableAddress(address: string, peerAddress: string): string {
  const [host, port] = partsOf(address);
  const [peerHost] = partsOf(peerAddress);
  if (!OWN_HOST.test(host) || OWN_HOST.test(peerHost)) return address;
  return `${
    peerHost.includes(":") && !peerHost.startsWith("[") ? `[${peerHost}]` : peerHost
  }:${port}`;
}

/** What is before the last colon, and what is behind it. */
function partsOf(address: string): readonly [host: string, port: string] {
  const colon = address.lastIndexOf(":");
  return colon < 0 ? [address, ""] : [address.slice(0, colon), address.slice(colon + 1)];
}
