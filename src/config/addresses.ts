/**
 * Kinds that name a place on the network.
 *
 * @module
 */

import ipaddr from "ipaddr.js";
import { type Emptiness, type Kind, list, orEmpty, type Parsed, parseText } from "./kinds.ts";

const { IPv4, IPv6, isValidCIDR } = ipaddr;

/** A host and a port, taken apart. */
export interface HostAndPort {
  /** A name or an address; an IPv6 address without its brackets. */
  readonly host: string;
  readonly port: number;
}

/** Which addresses make sense for a key. */
export interface AddressOptions extends Emptiness {
  /** To listen on: 0.0.0.0, [::] and a bare `:PORT` are fine. Otherwise others must dial it. */
  readonly listening?: boolean;
}

const NAME = /^(?:[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_.])?)$/;

/** Takes `host:port` or `[v6]:port` apart; undefined when it is neither. */
export function splitAddress(address: string): HostAndPort | undefined {
  const match = address.match(/^(?:\[([^\]]+)\]|([^:[\]]*)):(\d{1,5})$/);
  if (!match) return undefined;
  const [, bracketed, plain = "", digits = ""] = match;
  const port = Number(digits);
  if (port < 1 || port > 65_535) return undefined;
  const host = bracketed ?? plain;
  const isRight = bracketed === undefined ? host === "" || isNameOrIPv4(host) : IPv6.isValid(host);
  return isRight ? { host, port } : undefined;
}

/** Whether a host means "every interface", and so cannot be dialled by others. */
export function isWildcardHost(host: string): boolean {
  return host === "" || host === "0.0.0.0" || /^[0:]*:[0:]*$/.test(host);
}

/** `HOST:PORT`. */
export function address(options: AddressOptions = {}): Kind<string> {
  return {
    name: "address",
    unit: "",
    allowed: orEmpty(
      options.listening
        ? "HOST:PORT to listen on, such as 127.0.0.1:7000, 0.0.0.0:7000 or [::]:7000"
        : "HOST:PORT that others can dial, such as localhost:9000 or [::1]:9000",
      options,
    ),
    parse(raw) {
      const parsed = parseText(raw, options);
      if ("problem" in parsed || parsed.value === "") return parsed;
      return parseAddress(parsed.value.trim(), options);
    },
    write: (value) => value,
  };
}

/** A host alone, to listen on. */
export function listenHost(): Kind<string> {
  return {
    name: "host",
    unit: "",
    allowed: "a host to listen on, such as 127.0.0.1, 0.0.0.0 or ::1",
    parse(raw) {
      const parsed = parseText(raw, {});
      if ("problem" in parsed) return parsed;
      const host = parsed.value.trim().replace(/^\[(.*)\]$/, "$1");
      if (isNameOrIPv4(host) || IPv6.isValid(host)) return { value: host };
      return { problem: /:\d+$/.test(host) ? "has a port (name it apart)" : "is not a host" };
    },
    write: (value) => value,
  };
}

/** Masters as a static cluster starts with them: `ID=HOST:PORT`, the port being Raft's. */
export function members(): Kind<readonly string[]> {
  const member: Kind<string> = {
    name: "member",
    unit: "",
    allowed: "NODE_ID=HOST:PORT, such as node-1=10.0.0.1:7000",
    parse(raw) {
      const parsed = parseText(raw, {});
      if ("problem" in parsed) return parsed;
      const { id, address } = splitMember(parsed.value);
      if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(id)) return { problem: "has no NODE_ID=" };
      const place = parseAddress(address, {});
      return "problem" in place ? place : { value: `${id}=${place.value}` };
    },
    write: (value) => value,
  };
  const kind = list(member);
  return {
    ...kind,
    parse(raw) {
      const parsed = kind.parse(raw);
      if ("problem" in parsed) return parsed;
      const twice = firstRepeated(parsed.value.map((member) => splitMember(member).id)) ??
        firstRepeated(parsed.value.map((member) => splitMember(member).address));
      return twice === undefined ? parsed : { problem: `names ${twice} twice` };
    },
  };
}

/** Takes `ID=HOST:PORT` apart. */
export function splitMember(member: string): { readonly id: string; readonly address: string } {
  const at = member.indexOf("=");
  return { id: member.slice(0, Math.max(at, 0)).trim(), address: member.slice(at + 1).trim() };
}

/** Hosts, addresses and CIDR ranges that the guard of jobs' fetches lets through. */
export function hostsAndRanges(): Kind<readonly string[]> {
  const item: Kind<string> = {
    name: "host or range",
    unit: "",
    allowed: "a host (intranet.example.com, *.example.com, host:port), an address or a range " +
      "(10.1.0.0/16)",
    parse(raw) {
      const parsed = parseText(raw, {});
      if ("problem" in parsed) return parsed;
      const written = parsed.value.trim();
      return isHostOrRange(written) ? { value: written } : { problem: "is neither" };
    },
    write: (value) => value,
  };
  return list(item);
}

/** Where spans are sent: `HOST:PORT` as the original takes it, or a URL as OpenTelemetry does. */
export function collectorEndpoint(options: Emptiness = {}): Kind<string> {
  return {
    name: "endpoint",
    unit: "",
    allowed: orEmpty(
      "HOST:PORT or an http(s) URL, such as localhost:4318 or https://otel.example.com:4318",
      options,
    ),
    parse(raw) {
      const parsed = parseText(raw, options);
      if ("problem" in parsed) return parsed;
      const written = parsed.value.trim();
      if (written === "") return { value: written };
      if (!written.includes("://")) return parseAddress(written, {});
      const url = URL.parse(written);
      // It is shown and logged, which a password must not be.
      if (url?.username || url?.password) return { problem: "holds a user or password" };
      if (url && (url.protocol === "http:" || url.protocol === "https:")) return { value: written };
      return { problem: "is not an http or https URL" };
    },
    write: (value) => value,
  };
}

function parseAddress(written: string, options: AddressOptions): Parsed<string> {
  const scheme = written.match(/^[A-Za-z][A-Za-z0-9+.-]*:\/\//)?.[0];
  if (scheme) return { problem: `begins with ${scheme} (write HOST:PORT alone)` };
  const place = splitAddress(written);
  if (!place) return { problem: /:\d+$/.test(written) ? "is not HOST:PORT" : "has no port" };
  if (options.listening) {
    return { value: place.host === "" ? `0.0.0.0:${place.port}` : written };
  }
  return isWildcardHost(place.host)
    ? { problem: "is an address to listen on, which nobody can dial" }
    : { value: written };
}

function isHostOrRange(written: string): boolean {
  if (isValidCIDR(written) || IPv6.isValid(written)) return true;
  const [, bracketed, plain = ""] = written.match(/^(?:\[([^\]]+)\]|([^:[\]]+))(?::\d{1,5})?$/) ??
    [];
  return bracketed === undefined
    ? isNameOrIPv4(plain.replace(/^\*\./, ""))
    : IPv6.isValid(bracketed);
}

/** A host that ends in a number is an IPv4 address to every resolver, or it is a slip. */
function isNameOrIPv4(host: string): boolean {
  return /(^|\.)\d+$/.test(host) ? IPv4.isValidFourPartDecimal(host) : NAME.test(host);
}

function firstRepeated(words: readonly string[]): string | undefined {
  return words.find((word, index) => words.indexOf(word) !== index);
}
