/**
 * What a caller sees: everything, or what is in the namespaces that its token is for. The rest answers
 * as if it were not there.
 *
 * Jobs have ids of their own, so they are found in whichever namespace they are. What has a name (a
 * batch, a schedule) and what is new is in one namespace: the one that is named; else the only one that
 * the caller has; else, for callers who have all, the default one. Lists and operations on many go by
 * all that the caller sees, unless one is named.
 *
 * @module
 */

import { DEFAULT_NAMESPACE, isNamespace, type JobFilter, type Worker } from "../jobs/mod.ts";
import { type CallContext, Refusal } from "../rpc/mod.ts";
import { namespacesText } from "../security/mod.ts";

/** Who looks. */
export type Viewer = Pick<CallContext, "caller">;

/** What is to be known of who looks to tell what is theirs. */
type Confined = { readonly caller: Pick<Viewer["caller"], "namespaces"> };

/** Whether what is in the namespace is there for the caller. */
export function sees({ caller: { namespaces } }: Confined, namespace: string): boolean {
  return namespaces === undefined || namespaces.includes(namespace);
}

/** What is found, if it is there for the caller; `undefined` else, as if it were not there. */
export function seen<Found extends { readonly namespace?: string }>(
  viewer: Viewer,
  found: Found | undefined,
): Found | undefined {
  if (found === undefined || viewer.caller.namespaces === undefined) return found;
  return sees(viewer, found.namespace ?? DEFAULT_NAMESPACE) ? found : undefined;
}

/**
 * The namespace of what a call names or makes.
 *
 * @param named "" or undefined: the call names none
 * @throws Refusal `invalid` when it has to name one, `permission_denied` for one of others
 */
export function namespaceFor(named: string | undefined, viewer: Viewer): string {
  if (named) return checked(named, viewer);
  const { userId, namespaces } = viewer.caller;
  if (namespaces === undefined) return DEFAULT_NAMESPACE;
  const [only] = namespaces;
  if (only !== undefined && namespaces.length === 1) return only;
  if (only === undefined) throw new Refusal("permission_denied", `${tokenOf(viewer)} alone`);
  throw new Refusal(
    "invalid",
    `"${userId}" may use ${namespacesText(namespaces)}: name one of them (--namespace, ` +
      "CONDUCTOR_NAMESPACE)",
  );
}

/**
 * The namespaces that a list or a count is about; `undefined`: all that there are.
 *
 * @param named "" or undefined: the call names none
 * @throws Refusal as `namespaceFor` does
 */
export function namespacesFor(
  named: string | undefined,
  viewer: Viewer,
): readonly string[] | undefined {
  return named ? [checked(named, viewer)] : viewer.caller.namespaces;
}

/** The part of a filter that the caller sees. @throws Refusal as `namespaceFor` does */
export function narrowed<Filter extends JobFilter>(filter: Filter, viewer: Viewer): Filter {
  const namespaces = filter.namespaces?.map((each) => checked(each, viewer)) ??
    viewer.caller.namespaces;
  return namespaces === undefined ? filter : { ...filter, namespaces };
}

/** Whether a worker works for namespaces of the caller's alone, so that nobody else's jobs are its. */
export function isOwn({ namespaces }: Pick<Worker, "namespaces">, viewer: Confined): boolean {
  return viewer.caller.namespaces === undefined ||
    namespaces?.every((each) => sees(viewer, each)) === true;
}

/**
 * The namespaces whose jobs a worker is to get; empty: all.
 *
 * @throws Refusal `permission_denied` for one that its token is not for, or if that is for none
 */
export function servedBy(
  { namespaces: wanted = [] }: { readonly namespaces?: readonly string[] },
  viewer: Viewer,
): readonly string[] {
  const { namespaces: own } = viewer.caller;
  if (wanted.length > 0) return [...new Set(wanted.map((each) => checked(each, viewer)))];
  if (own?.length === 0) throw new Refusal("permission_denied", tokenOf(viewer));
  return own ?? [];
}

function checked(named: string, viewer: Viewer): string {
  if (!isNamespace(named)) {
    throw new Refusal(
      "invalid",
      `namespace ${JSON.stringify(named.slice(0, 80))} is not a name: 1 to 63 letters, digits, ` +
        "dots, dashes and underscores, the first a letter or a digit",
    );
  }
  if (sees(viewer, named)) return named;
  throw new Refusal("permission_denied", `${tokenOf(viewer)} alone, not for ${named}`);
}

function tokenOf({ caller: { userId, namespaces = [] } }: Viewer): string {
  return `the token of "${userId}" is for ${namespacesText(namespaces)}`;
}
