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
  return `${hex(hash32(type))}${hex(first)}${hex(second)}-${payload.length}`;
}

function finalize(hash: number): number {
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function hex(hash: number): string {
  return BYTES_IN_HEX[hash >>> 24]! + BYTES_IN_HEX[hash >>> 16 & 0xff]! +
    BYTES_IN_HEX[hash >>> 8 & 0xff]! + BYTES_IN_HEX[hash & 0xff]!;
}

/** A third of what `toString(16)` takes, and every submission has three hashes. */
const BYTES_IN_HEX = Array.from(
  { length: 256 },
  (_, byte) => byte.toString(16).padStart(2, "0"),
);
