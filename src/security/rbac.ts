/**
 * Role-based access: which roles grant which permissions, and which method asks for which.
 *
 * The file has the original's format. Any one of a policy's permissions suffices; a method without a
 * policy is refused to everybody but those who hold `admin:*`; a role that the file does not define
 * grants nothing. A file in which nobody holds that is completed (original_policies.ts).
 */

import { z } from "zod";
import embeddedPolicies from "../../config/rbac-policies.json" with { type: "text" };
import { reasonOf, SecurityConfigurationError } from "./configuration_error.ts";
import { readPublicFile } from "./key_files.ts";
import { completed } from "./original_policies.ts";
import type { Principal } from "./principal.ts";
import type { Joining } from "./token_claims.ts";

/** A role as the file defines it. */
export interface Role {
  readonly name: string;
  readonly description?: string | undefined;
  readonly permissions: readonly string[];
}

/** What one method asks for: any of the permissions. */
export interface Policy {
  /** Full name, as in `/proto.MasterService/SubmitJob`. */
  readonly method: string;
  readonly permissions: readonly string[];
  readonly description?: string | undefined;
}

/** Whether a caller may call a method; the reason may be shown to the caller. */
export type Authorization =
  | { readonly allowed: true }
  | { readonly allowed: false; readonly reason: string };

/** Grants every permission and every method. */
const EVERYTHING = "admin:*";

/**
 * Permissions that mean something to this version, whatever a policy file says.
 */
export const PERMISSIONS: readonly string[] = [
  EVERYTHING,
  "job:submit",
  "job:cancel",
  "job:view",
  "job:list",
  "job:dlq:view",
  "job:dlq:retry",
  "job:dlq:purge",
  "schedule:view",
  "schedule:manage",
  "queue:manage",
  "worker:register",
  "worker:report",
  "worker:view",
  "worker:manage",
  "worker:assign",
  "worker:enrol",
  "token:issue",
  "token:revoke",
  "token:view",
  "policy:view",
  "policy:manage",
  "audit:view",
  "cluster:view",
  "cluster:manage",
  "cluster:join",
  "cluster:peer",
  "metrics:view",
];

/** Methods that anybody may call, so that probes and load balancers need no identity. */
const OPEN_METHODS: ReadonlySet<string> = new Set([
  "/grpc.health.v1.Health/Check",
  "/grpc.health.v1.Health/Watch",
  "/grpc.health.v1.Health/List",
]);

/** Methods whose request is itself the proof of who calls, and is checked by whoever answers them. */
const SELF_PROVING_METHODS: ReadonlySet<string> = new Set([
  "/proto.MasterService/RefreshToken",
]);

/** Whether the request proves who calls, so that neither a token nor a permission is asked for. */
export function isSelfProving(method: string): boolean {
  return SELF_PROVING_METHODS.has(method);
}

/** What a join token opens, and nothing else; only the first of each uses it up. */
const JOIN_METHODS: Readonly<Record<Joining, readonly string[]>> = {
  master: ["/proto.MasterService/JoinCluster", "/proto.MasterService/GetClusterHealth"],
  worker: ["/proto.MasterService/EnrolWorker"],
  workers: ["/proto.MasterService/EnrolWorker"],
};

/** Whether a join token of some kind opens the method. */
export function isJoinMethod(method: string): boolean {
  return Object.values(JOIN_METHODS).some((methods) => methods.includes(method));
}

/** Whether the holder of a join token may call a method. */
export function authorizeJoining(joins: Joining, method: string): Authorization {
  if (JOIN_METHODS[joins].includes(method)) return ALLOWED;
  return {
    allowed: false,
    reason:
      `a token that lets ${
        joins === "workers" ? "" : "a "
      }${joins} in opens nothing else, so not ${method}: ask for an ` +
      "access token",
  };
}

/** Whether a method needs no identity and no permission. */
export function isOpenMethod(method: string): boolean {
  return OPEN_METHODS.has(method);
}

/**
 * Loads the policies: from a file, or those inside the program (config/rbac-policies.json).
 *
 * @param policyFile `security.rbac.policy_file`; empty for the embedded ones
 * @throws {SecurityConfigurationError} naming the file and all its faults
 */
export async function loadPolicies(policyFile = ""): Promise<PolicySet> {
  if (policyFile === "") {
    return parsePolicies(embeddedPolicies, "the policies inside the program");
  }
  const what = "security.rbac.policy_file";
  return parsePolicies(await readPublicFile(policyFile, what), `${what}: "${policyFile}"`);
}

/**
 * Parses the text of a policy file.
 *
 * @param origin names it for messages
 * @throws {SecurityConfigurationError} with every fault at once
 */
export function parsePolicies(text: string, origin: string): PolicySet {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (thrown) {
    throw new SecurityConfigurationError([`${origin} is not JSON: ${reasonOf(thrown)}`], {
      cause: thrown,
    });
  }
  const parsed = POLICY_FILE.safeParse(json);
  if (!parsed.success) {
    const { issues } = parsed.error;
    throw new SecurityConfigurationError(
      issues.slice(0, FAULTS_TOLD_MAX)
        .map((issue) => `${origin}: ${pathOf(issue.path)}: ${issue.message}`),
    );
  }
  const faults = contradictionsOf(parsed.data.roles, parsed.data.policies);
  if (faults.length > 0) {
    throw new SecurityConfigurationError(faults.map((fault) => `${origin}: ${fault}`));
  }
  const { roles, policies } = completed(
    parsed.data,
    POLICY_FILE.parse(JSON.parse(embeddedPolicies)),
  );
  return new PolicySet(roles, policies, text);
}

/** Roles and policies, ready to decide. Immutable: a changed file makes a new set. */
export class PolicySet {
  readonly roles: readonly Role[];
  readonly policies: readonly Policy[];
  readonly #permissionsByRole: ReadonlyMap<string, ReadonlySet<string>>;
  readonly #permissionsByMethod: ReadonlyMap<string, readonly string[]>;

  /** The file that they were read from; empty when they were not. */
  readonly text: string;

  /** Use {@linkcode parsePolicies}, which finds contradictions. */
  constructor(roles: readonly Role[], policies: readonly Policy[], text = "") {
    this.text = text;
    this.roles = roles;
    this.policies = policies;
    this.#permissionsByRole = new Map(
      roles.map((role) => [role.name, new Set(role.permissions)]),
    );
    this.#permissionsByMethod = new Map(
      policies.map((policy) => [policy.method, policy.permissions]),
    );
  }

  /** Whether the principal's roles suffice for the method. */
  authorize(principal: Principal, method: string): Authorization {
    if (isOpenMethod(method) || isSelfProving(method)) return ALLOWED;
    const needed = this.permissionsFor(method);
    for (const role of principal.roles) {
      const held = this.#permissionsByRole.get(role);
      if (held === undefined) continue;
      if (held.has(EVERYTHING)) return ALLOWED;
      if (needed?.some((permission) => held.has(permission)) === true) return ALLOWED;
    }
    return { allowed: false, reason: this.#refusalOf(principal, method, needed) };
  }

  /** Whether the principal's roles grant one permission, for routes that are no gRPC methods. */
  grants(principal: Principal, permission: string): boolean {
    const held = this.permissionsOf(principal.roles);
    return held.has(EVERYTHING) || held.has(permission);
  }

  /** All that these roles grant together. Unknown roles grant nothing. */
  permissionsOf(roles: readonly string[]): ReadonlySet<string> {
    return new Set(roles.flatMap((role) => [...(this.#permissionsByRole.get(role) ?? [])]));
  }

  /** Of these methods, those for which the file has no policy: only `admin:*` may call them. */
  methodsWithoutPolicy(methods: readonly string[]): readonly string[] {
    return methods.filter((method) =>
      !isOpenMethod(method) && !isSelfProving(method) && this.permissionsFor(method) === undefined
    );
  }

  /** Whether all that `roles` grant together is granted to the principal, so that it may hand it on. */
  covers(principal: Principal, roles: readonly string[]): boolean {
    const held = this.permissionsOf(principal.roles);
    if (held.has(EVERYTHING)) return true;
    return [...this.permissionsOf(roles)].every((permission) => held.has(permission));
  }

  /** What a method asks for; undefined: no policy names it. */
  permissionsFor(method: string): readonly string[] | undefined {
    return this.#permissionsByMethod.get(method) ??
      this.#permissionsByMethod.get(STANDS_FOR.get(method) ?? "");
  }

  #refusalOf(
    principal: Principal,
    method: string,
    needed: readonly string[] | undefined,
  ): string {
    const who = whoIs(principal);
    return needed === undefined
      ? `${who} may not call ${method}: no policy names this method`
      : `${who} may not call ${method}: it needs ${needed.join(" or ")}`;
  }
}

function whoIs({ userId, roles, source, certificate }: Principal): string {
  if (roles.length > 0) return `"${userId}" (${roles.join(", ")})`;
  // What a token has and a certificate has not looks like nothing at all to whoever reads the token.
  return source === "token" && certificate !== undefined && certificate.roles.length > 0
    ? `"${userId}" has no role that is its token's and its certificate's (${
      certificate.roles.join(", ")
    }) both, and`
    : `"${userId}" has no role and`;
}

/** Methods that are another one by other means: whoever may call that may call these. */
const STANDS_FOR: ReadonlyMap<string, string> = new Map([
  ["/proto.MasterService/SubmitStream", "/proto.MasterService/SubmitJob"],
]);

const ALLOWED: Authorization = Object.freeze({ allowed: true });

const NAME = z.string().regex(
  /^[A-Za-z][A-Za-z0-9_.-]{0,63}$/,
  "must be a name of letters, digits, dots, dashes and underscores",
);
const PERMISSION_LIST = z.array(
  z.string().regex(
    /^[a-z][a-z0-9_-]*(:([a-z][a-z0-9_-]*|\*))+$/,
    'must be a permission as in "job:submit"',
  ),
).min(1, "must list at least one permission");

const POLICY_FILE = z.strictObject({
  roles: z.array(z.strictObject({
    name: NAME,
    description: z.string().optional(),
    permissions: PERMISSION_LIST,
  })).min(1, "must define at least one role"),
  policies: z.array(z.strictObject({
    method: z.string().regex(
      /^\/[A-Za-z_][A-Za-z0-9_.]*\/[A-Za-z_][A-Za-z0-9_]*$/,
      'must be a full method name as in "/proto.MasterService/SubmitJob"',
    ),
    permissions: PERMISSION_LIST,
    description: z.string().optional(),
  })),
});

/** Faults that are told; of more there is the number. A policy may come from a caller of a master. */
const FAULTS_TOLD_MAX = 20;
/** Permissions that are looked through for the one that was meant, and how long those may be. */
const CANDIDATES_MAX = 1_000;
const SUGGESTED_LENGTH_MAX = 64;

/** Faults that only the whole file shows: doubles, and permissions that nothing knows. */
function contradictionsOf(roles: readonly Role[], policies: readonly Policy[]): string[] {
  const known = new Set([...PERMISSIONS, ...policies.flatMap(({ permissions }) => permissions)]);
  const granted = new Set([...PERMISSIONS, ...roles.flatMap(({ permissions }) => permissions)]);
  const strayGrants = roles.flatMap(({ name, permissions }) =>
    permissions.filter((permission) => !known.has(permission)).map((permission) => () =>
      `the role "${name}" grants "${permission}", which no policy asks for` +
      suggestionFor(permission, known)
    )
  );
  const strayNeeds = policies.flatMap(({ method, permissions }) =>
    permissions.filter((permission) => !granted.has(permission)).map((permission) => () =>
      `the policy of ${method} asks for "${permission}", which no role grants` +
      suggestionFor(permission, PERMISSIONS)
    )
  );
  const faults = [
    ...doubles(roles.map((role) => role.name)).map((name) => () =>
      `the role "${name}" is defined twice`
    ),
    ...doubles(policies.map((policy) => policy.method)).map((method) => () =>
      `the method ${method} has two policies: join their permissions`
    ),
    ...strayGrants,
    ...strayNeeds,
  ];
  const untold = faults.length - FAULTS_TOLD_MAX;
  return [
    ...faults.slice(0, FAULTS_TOLD_MAX).map((told) => told()),
    ...(untold > 0 ? [`and ${untold} faults more`] : []),
  ];
}

function doubles(names: readonly string[]): readonly string[] {
  const seen = new Set<string>();
  const twice = names.filter((name) => seen.size === seen.add(name).size);
  return [...new Set(twice)];
}

/** The known permission that one or two slips of the keyboard lead away from, if there is one. */
function suggestionFor(permission: string, known: Iterable<string>): string {
  if (permission.length > SUGGESTED_LENGTH_MAX) return "";
  for (const candidate of Iterator.from(known).take(CANDIDATES_MAX)) {
    const isAsLong = Math.abs(candidate.length - permission.length) <= 2;
    if (isAsLong && candidate !== permission && editDistance(permission, candidate) <= 2) {
      return `; did you mean "${candidate}"?`;
    }
  }
  return "";
}

/** Levenshtein's distance, row by row. */
function editDistance(left: string, right: string): number {
  let row = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (const [leftIndex, leftChar] of [...left].entries()) {
    const next = [leftIndex + 1];
    for (const [rightIndex, rightChar] of [...right].entries()) {
      next.push(Math.min(
        (next[rightIndex] ?? 0) + 1,
        (row[rightIndex + 1] ?? 0) + 1,
        (row[rightIndex] ?? 0) + (leftChar === rightChar ? 0 : 1),
      ));
    }
    row = next;
  }
  return row[right.length] ?? 0;
}

function pathOf(path: readonly PropertyKey[]): string {
  if (path.length === 0) return "the file";
  return path.map((part, index) =>
    typeof part === "number" ? `[${part}]` : `${index === 0 ? "" : "."}${String(part)}`
  ).join("");
}
