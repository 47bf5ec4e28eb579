// @ts-check
/** What was encrypted before it reached the cluster is known by how it begins, and named in place of shown. */

const BEGINNING = [0x89, 0x43, 0x44, 0x50, 0x45, 0x4e, 0x43];
/** The same in texts. */
const SEALED_TEXT = /conductor-sealed:[A-Za-z0-9_-]+/g;

/** @param {Uint8Array} bytes */
export function isSealed(bytes) {
  return BEGINNING.every((byte, index) => bytes[index] === byte);
}

/**
 * A text that may be encrypted, or hold a part that is.
 *
 * @param {string} text
 */
export function unsealed(text) {
  return text.replace(SEALED_TEXT, "[encrypted]");
}
