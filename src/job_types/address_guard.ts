/**
 * Which addresses jobs may reach. What is judged is the resolved address, never its spelling, so
 * `127.1`, `2130706433`, `localhost` and a name that some DNS points home are all the same.
 *
 * @module
 */

import ipaddr from "ipaddr.js";
import { AddressRefusedError } from "./contract.ts";

type Address = ipaddr.IPv4 | ipaddr.IPv6;

/** Decides about resolved addresses. */
export interface AddressGuard {
  /**
   * @param host as the URL has it, without brackets.
   * @param addresses all that the host resolved to: one that is refused refuses them all, or a
   * name with a public and a private address would be a matter of luck.
   * @throws {AddressRefusedError} that says which kind of address was met and what to do.
   */
  check(host: string, port: number, addresses: readonly string[]): void;
}

/** See `FetchPolicy` in `guarded_fetch.ts`. */
export interface AddressPolicy {
  readonly privateAddresses: "allow" | "refuse";
  readonly allowList: readonly string[];
}

/**
 * Builds the guard of a policy.
 *
 * @throws {RangeError} when an entry of the allow-list is neither host, host:port, address nor CIDR.
 */
export function createAddressGuard(policy: AddressPolicy): AddressGuard {
  const allowed = policy.allowList.map(parseEntry);
  return {
    check(host, port, addresses) {
      const name = normalizedHost(host);
      for (const text of addresses) {
        const address = parseAddress(text);
        const kind = kindOf(address);
        const place: Place = { name, port, address };
        if (kind === "public" || allowed.some((entry) => allows(entry, place, kind))) continue;
        if (policy.privateAddresses === "allow" && !ALWAYS_REFUSED.has(kind)) continue;
        throw new AddressRefusedError(refusal(host, kind));
      }
    },
  };
}

/** What an address is for; everything but `public` is refused where private addresses are. */
export type AddressKind =
  | "public"
  | "loopback"
  | "private"
  | "link-local"
  | "carrier-grade NAT"
  | "cloud metadata"
  | "unspecified"
  | "multicast"
  | "broadcast"
  | "NAT64"
  | "6to4"
  | "Teredo"
  | "reserved";

/** No job has business there, not even in development. */
const ALWAYS_REFUSED: ReadonlySet<AddressKind> = new Set([
  "cloud metadata",
  "multicast",
  "broadcast",
]);

/**
 * Where clouds hand out credentials. 168.63.129.16 (Azure) looks public, the others do not:
 * named all the same, because they are refused where private addresses are allowed.
 */
const METADATA: ReadonlySet<string> = new Set([
  "169.254.169.254", // AWS, Google, Azure, DigitalOcean, Oracle, OpenStack
  "169.254.170.2", // AWS ECS task credentials
  "169.254.170.23", // AWS EKS pod identity
  "168.63.129.16", // Azure wire server
  "169.254.0.23", // Tencent
  "169.254.42.42", // Scaleway
  "100.100.100.200", // Alibaba
  "100.96.0.96", // Volcengine
  "100.80.80.80", // UCloud
  "192.0.0.192", // Oracle, older
  "fd00:ec2:0:0:0:0:0:254", // AWS
  "fd00:ec2:0:0:0:0:0:23", // AWS EKS pod identity
  "fd20:ce:0:0:0:0:0:254", // Google
  "fd00:42:0:0:0:0:0:42", // Scaleway
]);

/** Says what an address, IPv4 or IPv6, is for. */
export function addressKind(text: string): AddressKind {
  return kindOf(parseAddress(text));
}

function kindOf(address: Address): AddressKind {
  const inner = embeddedIPv4(address);
  if (METADATA.has(address.toNormalizedString())) return "cloud metadata";
  if (inner !== undefined && kindOf(inner) === "cloud metadata") return "cloud metadata";
  const range = address.range();
  // These two reach exactly the IPv4 address inside, so it is that one that counts.
  if (range === "ipv4Mapped" && inner !== undefined) return kindOf(inner);
  if (range === "rfc6052" && inner !== undefined) {
    return kindOf(inner) === "public" ? "public" : "NAT64";
  }
  const named = KIND_OF_RANGE[range];
  if (named !== undefined) return named;
  if (range !== "unicast") return "reserved";
  return isV6(address) && !isGlobalUnicast(address) ? "reserved" : "public";
}

/** The ranges of ipaddr.js, where they are not simply reserved. */
const KIND_OF_RANGE: Readonly<Record<string, AddressKind>> = {
  unspecified: "unspecified",
  loopback: "loopback",
  private: "private",
  uniqueLocal: "private",
  deprecatedSiteLocal: "private",
  linkLocal: "link-local",
  carrierGradeNat: "carrier-grade NAT",
  multicast: "multicast",
  broadcast: "broadcast",
  rfc6052: "NAT64",
  rfc6145: "NAT64",
  "6to4": "6to4",
  teredo: "Teredo",
};

/** The IPv4 address that an IPv6 address carries, for those kinds that are carried to it. */
function embeddedIPv4(address: Address): ipaddr.IPv4 | undefined {
  if (!isV6(address)) return undefined;
  const parts = address.parts;
  const [a, b] = [parts[6] ?? 0, parts[7] ?? 0];
  switch (address.range()) {
    case "ipv4Mapped":
      return address.toIPv4Address();
    case "rfc6052": // 64:ff9b::/96; in 64:ff9b:1::/48 a network may put the address anywhere
      return parts[2] === 0 ? ipv4Of(a, b) : undefined;
    case "rfc6145":
      return ipv4Of(a, b);
    case "6to4":
      return ipv4Of(parts[1] ?? 0, parts[2] ?? 0);
    case "unicast": // ::a.b.c.d, deprecated by RFC 4291
      return parts.slice(0, 6).every((part) => part === 0) ? ipv4Of(a, b) : undefined;
    default:
      return undefined;
  }
}

function ipv4Of(high: number, low: number): ipaddr.IPv4 {
  return new ipaddr.IPv4([high >> 8, high & 0xff, low >> 8, low & 0xff]);
}

/** 2000::/3 is all that IANA has given out, and in it ISATAP (RFC 5214) leads to an IPv4 address. */
function isGlobalUnicast(address: ipaddr.IPv6): boolean {
  const parts = address.parts;
  const isatap = ((parts[4] ?? 0) & 0xfdff) === 0 && parts[5] === 0x5efe;
  return ((parts[0] ?? 0) & 0xe000) === 0x2000 && !isatap;
}

function isV6(address: Address): address is ipaddr.IPv6 {
  return address.kind() === "ipv6";
}

function parseAddress(text: string): Address {
  const address = ipaddr.parse(text.replace(/^\[|\]$/g, ""));
  if (isV6(address)) address.zoneId = undefined;
  return address;
}

function refusal(host: string, kind: AddressKind): string {
  const reason = kind === "cloud metadata"
    ? "is a cloud's metadata service, which hands out credentials"
    : `leads to ${kind === "unspecified" ? "an" : "a"} ${kind} address`;
  // The address itself stays unsaid: a job must not learn what an internal name resolves to.
  return `The host ${JSON.stringify(host)} ${reason}, and this worker refuses those to jobs. ` +
    "If they may reach it, name the host, address or range in the worker's jobs.address_allow_list.";
}

/** What an entry of the allow-list covers. */
type Entry =
  | { readonly kind: "host"; readonly host: string; readonly port: number | undefined }
  | { readonly kind: "suffix"; readonly suffix: string; readonly port: number | undefined }
  | { readonly kind: "range"; readonly base: Address; readonly bits: number; port?: number };

interface Place {
  readonly name: string;
  readonly port: number;
  readonly address: Address;
}

function allows(entry: Entry, place: Place, kind: AddressKind): boolean {
  if (entry.port !== undefined && entry.port !== place.port) return false;
  if (entry.kind === "range") {
    // A metadata service is opened by its own address alone, not by a range that happens to hold it.
    const full = entry.base.kind() === "ipv6" ? 128 : 32;
    if (kind === "cloud metadata" && entry.bits !== full) return false;
    return [place.address, embeddedIPv4(place.address)].some((address) =>
      address !== undefined && address.kind() === entry.base.kind() &&
      address.match(entry.base as ipaddr.IPv4 & ipaddr.IPv6, entry.bits)
    );
  }
  // Nor by a name, which is for its DNS to point anywhere.
  if (kind === "cloud metadata") return false;
  return entry.kind === "host"
    ? place.name === entry.host
    : place.name.endsWith(entry.suffix) && place.name.length > entry.suffix.length;
}

function parseEntry(written: string): Entry {
  const text = written.trim();
  const entry = rangeEntry(text) ?? addressEntry(text) ?? nameEntry(text);
  if (entry !== undefined) return entry;
  throw new RangeError(
    `jobs.address_allow_list holds ${JSON.stringify(written)}; an entry is a host ` +
      "(intranet.example.com, *.example.com), host:port, an address or a range (10.1.0.0/16).",
  );
}

function rangeEntry(text: string): Entry | undefined {
  if (!ipaddr.isValidCIDR(text)) return undefined;
  const [base, bits] = ipaddr.parseCIDR(text);
  return { kind: "range", base, bits };
}

function addressEntry(text: string): Entry | undefined {
  const [, bracketed, bracketedPort] = /^\[([^\]]+)\](?::(\d{1,5}))?$/.exec(text) ?? [];
  const [, v4, v4Port] = /^([\d.]+)(?::(\d{1,5}))?$/.exec(text) ?? [];
  const host = bracketed ?? v4 ?? text;
  const isAddress = ipaddr.IPv6.isValid(host) || ipaddr.IPv4.isValidFourPartDecimal(host);
  if (!isAddress) return undefined;
  const base = parseAddress(host);
  const bits = base.kind() === "ipv6" ? 128 : 32;
  const port = bracketedPort ?? v4Port;
  return { kind: "range", base, bits, ...(port === undefined ? {} : { port: Number(port) }) };
}

function nameEntry(text: string): Entry | undefined {
  const match = /^(\*\.)?([a-z0-9_](?:[a-z0-9._-]*[a-z0-9_])?)\.?(?::(\d{1,5}))?$/i.exec(text);
  // A name whose last label is a number would be read as an IPv4 address, and so never match.
  if (match === null || /(^|\.)\d+$/.test(match[2] ?? "")) return undefined;
  const [, wildcard, name = "", portText] = match;
  const port = portText === undefined ? undefined : Number(portText);
  return wildcard === undefined
    ? { kind: "host", host: normalizedHost(name), port }
    : { kind: "suffix", suffix: `.${normalizedHost(name)}`, port };
}

function normalizedHost(host: string): string {
  return host.replace(/^\[|\]$/g, "").replace(/\.$/, "").toLowerCase();
}
