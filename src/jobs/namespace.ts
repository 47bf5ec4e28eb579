/**
 * Namespaces keep the work of several groups of users apart: a job is in one for its whole life, with
 * its batch, its schedule, and the names by which it is told from others. Who may see which is not
 * this room's to know.
 *
 * @module
 */

/** Where everything is that names no namespace. */
export const DEFAULT_NAMESPACE = "default";

const PATTERN = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

/** Whether there may be a namespace of this name: 1 to 63 letters, digits and `. _ -`. */
export function isNamespace(name: string): boolean {
  return PATTERN.test(name);
}

/**
 * Stands between the two parts of a {@linkcode scopedName}: half a character, which no text of a
 * caller's has, because those come as UTF-8.
 */
const SEPARATOR = "\udc00";

/**
 * A name (of a batch, a schedule, a group, a rate) as the whole state knows it. Those of the default
 * namespace are as they were before there were others.
 */
export function scopedName(namespace: string, name: string): string {
  return namespace === DEFAULT_NAMESPACE ? name : `${namespace}${SEPARATOR}${name}`;
}

/** The namespace of what may leave it out. */
export function namespaceOf({ namespace }: { readonly namespace?: string }): string {
  return namespace ?? DEFAULT_NAMESPACE;
}

/** The field as Commands and records have it: left out for the default namespace. */
export function namespaceField(namespace: string): { readonly namespace?: string } {
  return namespace === DEFAULT_NAMESPACE ? {} : { namespace };
}
