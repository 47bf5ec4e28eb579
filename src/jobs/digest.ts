/**
 * Small hashes for spreading and comparing, never for security.
 *
 * @module
 */

/** FNV-1a (32 bits) over UTF-16 code units, with the finalizer of MurmurHash3 to mix the last ones. */
export function hash32(text: string, seed = 0): number {
  let hash = (0x811c9dc5 ^ seed) >>> 0;
  for (let at = 0; at < text.length; at++) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  }
  return finalize(hash);
}

/** The same over bytes. */
export function hashBytes32(bytes: Uint8Array): number {
  return hashesOfBytes(bytes)[0];
}

/** By two seeds at once: neither waits for the other's multiplication. */
function hashesOfBytes(bytes: Uint8Array): readonly [number, number] {
  let first = 0x811c9dc5;
  let second = 0x811c9dc5 ^ 0x9e3779b1;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]!;
    first = Math.imul(first ^ byte, 0x01000193);
    second = Math.imul(second ^ byte, 0x01000193);
  }
  return [finalize(first), finalize(second)];
}

/** Four differently seeded hashes as 32 hexadecimal digits. */
export function digest(text: string): string {
  return [0, 1, 2, 3].map((seed) => hex(hash32(text, Math.imul(seed, 0x9e3779b1)))).join("");
}

/** What makes two submissions the same when the leader gave no digest of its own. */
export function fingerprintOf(type: string, payload: Uint8Array): string {
  const [first, second] = hashesOfBytes(payload);
  putHex(0, hash32(type));
  putHex(8, first);
  putHex(16, second);
  const length = `-${payload.length}`;
  const codes = fingerprintCodes;
  codes.length = 24 + length.length;
  for (let at = 0; at < length.length; at++) codes[24 + at] = length.charCodeAt(at);
  // One text: put together of pieces it would be a dozen of them, each kept until somebody reads it.
  return String.fromCharCode.apply(undefined, codes);
}

const fingerprintCodes: number[] = [];

function putHex(from: number, hash: number): void {
  for (let digit = 0; digit < 8; digit++) {
    fingerprintCodes[from + digit] = HEX_CODES[hash >>> (28 - 4 * digit) & 15]!;
  }
}

const HEX_CODES = [..."0123456789abcdef"].map((digit) => digit.charCodeAt(0));

function finalize(hash: number): number {
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function hex(hash: number): string {
  return hash.toString(16).padStart(8, "0");
}
