/**
 * Under which names a node may be asked. Of a name on the internet its owner decides what address it has, from
 * one minute to the next, and it can be this node's (DNS rebinding): a page of that name then asks the node in the
 * browser of somebody who reaches it, and the browser takes both for the same site.
 *
 * @module
 */

/** Names that nobody on the internet can give an address. */
const PRIVATE_SUFFIX = /\.(localhost|local|internal|lan|home\.arpa|test)$/;

/** Whether nobody else's page can come under the name in a `Host` header. */
export function isPrivateName(host: string): boolean {
  const name = nameIn(host);
  return /^[\d.]+$|^\[/.test(name) || !name.includes(".") || PRIVATE_SUFFIX.test(name) ||
    name === Deno.hostname().toLowerCase();
}

/**
 * Whether a `Host` header has a private name or one of those given, whatever its port.
 *
 * @param names of hosts, or `host:port`
 */
export function ownNames(names: readonly string[]): (host: string) => boolean {
  const own = new Set(names.map(nameIn).filter((name) => name !== ""));
  return (host) => isPrivateName(host) || own.has(nameIn(host));
}

/** Whether a host to listen on is reached from the same machine alone. */
export function isLoopbackHost(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d+){3}$/.test(host);
}

/** In one spelling, without the port; empty: it is none. */
function nameIn(host: string): string {
  const name = URL.parse(`http://${host}`)?.hostname ?? "";
  return name.replace(/\.$/, "");
}
