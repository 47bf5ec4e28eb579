/**
 * Policy files as the original's are: they name the methods that it had, some of them, and no role of
 * theirs holds `admin:*`. Taken by the letter, such a file shuts everybody out of the rest for ever:
 * workers from their sessions, masters from each other, and the administrator from the call that
 * would change the policy.
 *
 * @module
 */

import type { Policy, Role } from "./rbac.ts";

/** Roles and policies, as a file has them or the program. */
export interface Policies {
  readonly roles: readonly Role[];
  readonly policies: readonly Policy[];
}

const EVERYTHING = "admin:*";

/** Roles of the cluster's own processes: they need what the program gives them, whatever a file knows. */
const ROLES_OF_NODES = ["worker", "master"];

/** All methods that the original had. */
const METHODS_OF_THE_ORIGINAL: ReadonlySet<string> = new Set([
  ...[
    "SubmitJob",
    "GetJobStatus",
    "ListJobs",
    "CancelJob",
    "JoinCluster",
    "RegisterWorker",
    "Heartbeat",
    "ReportResult",
    "ListDLQ",
    "RetryFromDLQ",
    "GetClusterHealth",
    "ListWorkers",
  ].map((name) => `/proto.MasterService/${name}`),
  "/proto.WorkerService/AssignJob",
  "/proto.WorkerService/CancelJob",
  "/grpc.health.v1.Health/Check",
]);

/** Methods that the original did not have, and the one of its own that they are by other means. */
const KIN: Readonly<Record<string, readonly string[]>> = {
  SubmitJob: ["SubmitJobs", "SubmitStream"],
  GetJobStatus: ["WatchJob", "GetBatch", "WatchBatch"],
  ListJobs: ["ListBatches", "ListTypes", "ListQueues"],
  CancelJob: ["CancelJobs", "CancelBatch"],
  RegisterWorker: ["WorkerSession", "DeregisterWorker"],
};

/**
 * The file with what it lacks, if it is of the original's kind: a role is called `admin`, none holds
 * `admin:*`, and all the methods that it names were the original's. Then `admin` holds it; the nodes' roles
 * hold what the program's do; and a method that the file does not name has the policy of its kin in the
 * file, else the program's. What the file says of a method stands. Another file is returned as it is: what
 * it does not name, it refuses.
 */
export function completed(file: Policies, own: Policies): Policies {
  const holdsEverything = ({ permissions }: Role) => permissions.includes(EVERYTHING);
  const isOfTheOriginal = file.roles.some(({ name }) => name === "admin") &&
    !file.roles.some(holdsEverything) &&
    file.policies.every(({ method }) => METHODS_OF_THE_ORIGINAL.has(method));
  if (!isOfTheOriginal) return file;
  const ofNodes = own.roles.filter(({ name }) => ROLES_OF_NODES.includes(name));
  const roles = [
    ...file.roles.map((role) => {
      const more = role.name === "admin"
        ? [EVERYTHING]
        : ofNodes.find(({ name }) => name === role.name)?.permissions ?? [];
      return { ...role, permissions: [...new Set([...role.permissions, ...more])] };
    }),
    ...ofNodes.filter(({ name }) => !file.roles.some((role) => role.name === name)),
  ];
  const named = new Map(file.policies.map((policy) => [policy.method, policy]));
  const lacking = own.policies.filter(({ method }) => !named.has(method))
    .map((policy) => ({
      ...policy,
      permissions: named.get(kinOf(policy.method))?.permissions ?? policy.permissions,
    }));
  return { roles, policies: [...file.policies, ...lacking] };
}

function kinOf(method: string): string {
  const at = method.lastIndexOf("/") + 1;
  const [base = ""] = Object.entries(KIN).find(([, kin]) => kin.includes(method.slice(at))) ?? [];
  return method.slice(0, at) + base;
}
