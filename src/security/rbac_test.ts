import assert from "node:assert/strict";
import { isConfinable } from "./confined.ts";
import { SecurityConfigurationError } from "./configuration_error.ts";
import type { Principal } from "./principal.ts";
import { isOpenMethod, loadPolicies, parsePolicies } from "./rbac.ts";
import { temporaryDirectory } from "./certificate_fixtures.ts";

function caller(...roles: string[]): Principal {
  return { userId: "somebody", roles, source: "token" };
}

const MASTER = "/proto.MasterService";

/** Every method that the .proto files declare. */
async function declaredMethods(): Promise<string[]> {
  const methods: string[] = [];
  const root = new URL("../../proto/", import.meta.url);
  const walk = async (directory: URL) => {
    for await (const entry of Deno.readDir(directory)) {
      const url = new URL(entry.isDirectory ? `${entry.name}/` : entry.name, directory);
      if (entry.isDirectory) await walk(url);
      else if (entry.name.endsWith(".proto")) {
        methods.push(...methodsOf(await Deno.readTextFile(url)));
      }
    }
  };
  await walk(root);
  return methods;
}

function methodsOf(source: string): string[] {
  const bare = source.replace(/\/\/.*$/gm, "");
  const name = /^\s*package\s+([\w.]+)\s*;/m.exec(bare)?.[1] ?? "";
  return [...bare.matchAll(/service\s+(\w+)\s*\{([\s\S]*?)\n\}/g)].flatMap(([, service, body]) =>
    [...(body ?? "").matchAll(/\brpc\s+(\w+)\s*\(/g)].map(([, rpc]) => `/${name}.${service}/${rpc}`)
  );
}

Deno.test("every method that the proto files declare has a policy or is open to all", async () => {
  const methods = await declaredMethods();
  assert.ok(methods.includes(`${MASTER}/SubmitJob`), "the proto files were not read");
  assert.ok(methods.length >= 20, methods.join("\n"));
  assert.deepEqual((await loadPolicies()).methodsWithoutPolicy(methods), []);
});

Deno.test("of every method it is known whether it can be kept to namespaces", async () => {
  const methods = (await declaredMethods()).filter((method) => method.startsWith(`${MASTER}/`));
  const clusterwide = methods.filter((method) => !isConfinable({ method }))
    .map((method) => method.slice(MASTER.length + 1));
  assert.deepEqual(clusterwide.sort(), [
    "AddMember",
    "Backup",
    "Configure",
    "EnrolWorker",
    "GetPolicy",
    "JoinCluster",
    "ListMembers",
    "ListRevocations",
    "PromoteMember",
    "RefreshToken",
    "RemoveMember",
    "RevokeCertificate",
    "SetPolicy",
    "TakeSnapshot",
    "TestPolicy",
    "TransferLeadership",
  ]);
});

Deno.test("every policy is for a method that there is", async () => {
  const methods = await declaredMethods();
  const file = new URL("../../config/rbac-policies.json", import.meta.url);
  const { policies } = JSON.parse(await Deno.readTextFile(file));
  const named: string[] = policies.map((each: { method: string }) => each.method);
  assert.deepEqual(named.filter((each) => !methods.includes(each)), []);
});

Deno.test("only health is open to all", () => {
  assert.equal(isOpenMethod("/grpc.health.v1.Health/Check"), true);
  assert.equal(isOpenMethod("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"), false);
  assert.equal(isOpenMethod(`${MASTER}/GetClusterHealth`), false);
});

/** Methods, and the shipped roles that may call them. */
const TABLE: Readonly<Record<string, string>> = {
  SubmitJob: "admin operator",
  SubmitJobs: "admin operator",
  GetJobStatus: "admin operator viewer",
  ListJobs: "admin operator viewer",
  WatchJob: "admin operator viewer",
  CancelJob: "admin operator",
  CancelJobs: "admin operator",
  GetBatch: "admin operator viewer",
  WatchBatch: "admin operator viewer",
  ListBatches: "admin operator viewer",
  CancelBatch: "admin operator",
  GetParentResult: "admin worker",
  ListTypes: "admin operator viewer",
  ListQueues: "admin operator viewer",
  Configure: "admin operator",
  ListDLQ: "admin operator viewer",
  RetryFromDLQ: "admin operator",
  RetryDeadLetters: "admin operator",
  PurgeDeadLetters: "admin operator",
  AddSchedule: "admin operator",
  ListSchedules: "admin operator viewer",
  GetSchedule: "admin operator viewer",
  RemoveSchedule: "admin operator",
  PauseSchedule: "admin operator",
  ResumeSchedule: "admin operator",
  TriggerSchedule: "admin operator",
  NextRuns: "admin operator viewer",
  RegisterWorker: "admin worker",
  Heartbeat: "admin worker",
  WorkerSession: "admin worker",
  ReportResult: "admin worker",
  DeregisterWorker: "admin worker",
  ListWorkers: "admin operator viewer",
  GetWorker: "admin operator viewer",
  DrainWorker: "admin operator",
  GetClusterHealth: "admin operator viewer master",
  ListMembers: "admin operator viewer master",
  JoinCluster: "admin master",
  AddMember: "admin",
  PromoteMember: "admin",
  RemoveMember: "admin",
  TransferLeadership: "admin",
  TakeSnapshot: "admin",
  Backup: "admin",
};

for (const [method, roles] of Object.entries(TABLE)) {
  Deno.test(`${method} may be called by ${roles.replaceAll(" ", ", ")} and by no other role`, async () => {
    const policies = await loadPolicies();
    const allowed = ["admin", "operator", "viewer", "worker", "master", "stranger"].filter((role) =>
      policies.authorize(caller(role), `${MASTER}/${method}`).allowed
    );
    assert.deepEqual(allowed.sort(), roles.split(" ").sort());
    assert.equal(policies.authorize(caller(), `${MASTER}/${method}`).allowed, false);
  });
}

Deno.test("a method without a policy is refused to everybody but an administrator", async () => {
  const policies = await loadPolicies();
  const operator = policies.authorize(caller("operator"), `${MASTER}/NewMethod`);
  assert.ok(!operator.allowed);
  assert.match(operator.reason, /no policy names this method/);
  assert.equal(policies.authorize(caller("admin"), `${MASTER}/NewMethod`).allowed, true);
  for (const odd of ["", "/", `${MASTER}/submitjob`, `${MASTER}/SubmitJob/`, "__proto__"]) {
    assert.equal(policies.authorize(caller("operator"), odd).allowed, false, odd);
  }
});

Deno.test("a policy for SubmitJob lets the same callers submit on a stream, unless one names that", () => {
  const policy = (method: string, permission: string) => ({
    method: `${MASTER}/${method}`,
    permissions: [permission],
  });
  const roles = [{ name: "submitter", permissions: ["job:submit"] }];
  const isAllowed = (...policies: object[]) =>
    parsePolicies(JSON.stringify({ roles, policies }), "a file")
      .authorize(caller("submitter"), `${MASTER}/SubmitStream`).allowed;
  assert.equal(isAllowed(policy("SubmitJob", "job:submit")), true);
  assert.equal(isAllowed(policy("SubmitJobs", "job:submit")), false);
  const apart = policy("SubmitStream", "queue:manage");
  assert.equal(isAllowed(policy("SubmitJob", "job:submit"), apart), false);
});

Deno.test("roles are matched exactly, and names from Object.prototype are no roles", async () => {
  const policies = await loadPolicies();
  for (const role of ["Admin", "admin ", "", "__proto__", "constructor", "admin:*"]) {
    assert.equal(policies.authorize(caller(role), `${MASTER}/SubmitJob`).allowed, false, role);
  }
});

Deno.test("any one of several roles suffices, and a refusal says what is missing", async () => {
  const policies = await loadPolicies();
  assert.equal(
    policies.authorize(caller("stranger", "operator"), `${MASTER}/CancelJob`).allowed,
    true,
  );
  assert.deepEqual(policies.authorize(caller("viewer", "worker"), `${MASTER}/CancelJob`), {
    allowed: false,
    reason: `"somebody" (viewer, worker) may not call ${MASTER}/CancelJob: it needs job:cancel`,
  });
});

Deno.test("permissions of several roles are joined, and unknown roles add none", async () => {
  const policies = await loadPolicies();
  const both = policies.permissionsOf(["viewer", "worker", "nobody"]);
  assert.ok(both.has("job:view") && both.has("worker:report"));
  assert.ok(!both.has("job:submit"));
  assert.equal(policies.permissionsOf([]).size, 0);
  assert.equal(policies.grants(caller("admin"), "metrics:view"), true);
  assert.equal(policies.grants(caller("worker"), "metrics:view"), false);
});

const ORIGINAL_FILE = {
  roles: [
    { name: "admin", description: "", permissions: ["job:submit", "cluster:manage"] },
    { name: "worker", description: "", permissions: ["worker:register", "job:view"] },
  ],
  policies: [
    { method: `${MASTER}/SubmitJob`, permissions: ["job:submit"], description: "Submit" },
    { method: `${MASTER}/Heartbeat`, permissions: ["worker:register"], description: "" },
  ],
};

Deno.test("a policy file replaces the embedded policies and keeps the original's format", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/policies.json`;
  await Deno.writeTextFile(path, JSON.stringify(ORIGINAL_FILE));
  const policies = await loadPolicies(path);
  assert.equal(policies.authorize(caller("admin"), `${MASTER}/SubmitJob`).allowed, true);
  assert.equal(policies.authorize(caller("operator"), `${MASTER}/SubmitJob`).allowed, false);
});

Deno.test("a file of the program's own kind gives what it does not name to admin:* alone", () => {
  const [admin, worker] = ORIGINAL_FILE.roles;
  const permissions = ["admin:*"];
  for (
    const file of [
      { ...ORIGINAL_FILE, roles: [{ ...admin, permissions }, worker] },
      { ...ORIGINAL_FILE, roles: [{ name: "root", permissions }, admin, worker] },
      // Whoever names a method that the original did not have knows of admin:*.
      {
        ...ORIGINAL_FILE,
        policies: [
          ...ORIGINAL_FILE.policies,
          { method: `${MASTER}/WorkerSession`, permissions: ["worker:register"] },
        ],
      },
      { ...ORIGINAL_FILE, roles: [{ ...admin, name: "chief" }, worker] },
    ]
  ) {
    const policies = parsePolicies(JSON.stringify(file), "a file");
    const holder = file.roles.find((role) => role?.permissions === permissions)?.name;
    const allowed = ["root", "admin", "chief", "worker", "master"].filter((role) =>
      policies.authorize(caller(role), `${MASTER}/ListDLQ`).allowed
    );
    assert.deepEqual(allowed, holder === undefined ? [] : [holder]);
    assert.deepEqual(policies.methodsWithoutPolicy([`${MASTER}/ListDLQ`, `${MASTER}/Heartbeat`]), [
      `${MASTER}/ListDLQ`,
    ]);
  }
});

/** The original's config/rbac-policies.json, as far as it is known: its roles, permissions and policies. */
const FILE_OF_THE_ORIGINAL = {
  roles: [
    {
      name: "admin",
      permissions: [
        "job:submit",
        "job:view",
        "job:cancel",
        "worker:register",
        "worker:view",
        "cluster:view",
        "cluster:manage",
      ],
    },
    {
      name: "operator",
      permissions: ["job:submit", "job:view", "job:cancel", "worker:view", "cluster:view"],
    },
    { name: "viewer", permissions: ["job:view", "worker:view", "cluster:view"] },
    { name: "worker", permissions: ["worker:register", "job:view"] },
  ],
  policies: Object.entries({
    SubmitJob: "job:submit",
    GetJobStatus: "job:view",
    ListJobs: "job:view",
    ReportResult: "job:view",
    CancelJob: "job:cancel",
    RegisterWorker: "worker:register",
    Heartbeat: "worker:register",
    JoinCluster: "cluster:manage",
  }).map(([name, permission]) => ({ method: `${MASTER}/${name}`, permissions: [permission] })),
};

Deno.test("the original's policy file shuts nobody out of what it does not name", async () => {
  const policies = parsePolicies(JSON.stringify(FILE_OF_THE_ORIGINAL), "a file");
  assert.deepEqual(policies.methodsWithoutPolicy(await declaredMethods()), []);
  const who = (method: string) =>
    ["admin", "operator", "viewer", "worker", "master"].filter((role) =>
      policies.authorize(caller(role), method).allowed
    ).join(" ");
  const rows: readonly [string, string][] = [
    // As the file says.
    ["MasterService/SubmitJob", "admin operator"],
    ["MasterService/CancelJob", "admin operator"],
    ["MasterService/GetJobStatus", "admin operator viewer worker"],
    ["MasterService/RegisterWorker", "admin worker"],
    // The four that the original shut everybody out of.
    ["MasterService/ListWorkers", "admin operator viewer"],
    ["MasterService/GetClusterHealth", "admin operator viewer master"],
    ["MasterService/ListDLQ", "admin"],
    ["MasterService/RetryFromDLQ", "admin"],
    // What is of its methods by other means, and what the program's own processes call.
    ["MasterService/SubmitStream", "admin operator"],
    ["MasterService/CancelJobs", "admin operator"],
    ["MasterService/ListQueues", "admin operator viewer worker"],
    ["MasterService/WorkerSession", "admin worker"],
    ["MasterService/GetParentResult", "admin worker"],
    ["WorkerService/AssignJob", "admin master"],
    ["RaftService/Exchange", "admin master"],
    ["ForwardService/Forward", "admin master"],
    // Otherwise nobody could ever change the policy again.
    ["MasterService/SetPolicy", "admin"],
  ];
  for (const [method, roles] of rows) assert.equal(who(`/proto.${method}`), roles, method);
});

Deno.test("what the original's policy file keeps from a role is not had by other means", () => {
  const policies = parsePolicies(
    JSON.stringify({
      ...FILE_OF_THE_ORIGINAL,
      policies: FILE_OF_THE_ORIGINAL.policies.map((policy) =>
        /SubmitJob|CancelJob/.test(policy.method)
          ? { ...policy, permissions: ["cluster:manage"] }
          : policy
      ),
    }),
    "a file",
  );
  for (const method of ["SubmitJob", "SubmitJobs", "SubmitStream", "CancelJobs", "CancelBatch"]) {
    const allowed = ["admin", "operator"].filter((role) =>
      policies.authorize(caller(role), `${MASTER}/${method}`).allowed
    );
    assert.deepEqual(allowed, ["admin"], method);
  }
});

function faultsOf(file: unknown): readonly string[] {
  try {
    parsePolicies(typeof file === "string" ? file : JSON.stringify(file), "f.json");
  } catch (thrown) {
    assert.ok(thrown instanceof SecurityConfigurationError);
    return thrown.faults;
  }
  return [];
}

Deno.test("all faults of a policy file's shape are named at once", () => {
  const faults = faultsOf({
    roles: [{ name: "has space", permissions: [] }, { name: "ok", permissions: ["Job:Submit"] }],
    policies: [{ method: "SubmitJob", permissions: ["job:submit"], extra: 1 }],
    more: true,
  });
  for (
    const expected of [
      "roles[0].name",
      "roles[0].permissions",
      "roles[1].permissions[0]",
      "policies[0].method",
      "extra",
      "more",
    ]
  ) assert.ok(faults.some((fault) => fault.includes(expected)), `${expected} in ${faults}`);
});

Deno.test("doubles and misspelt permissions are named, with what was probably meant", () => {
  const faults = faultsOf({
    roles: [
      { name: "a", permissions: ["job:sumbit"] },
      { name: "a", permissions: ["job:view"] },
    ],
    policies: [
      { method: "/p.S/M", permissions: ["job:submit"] },
      { method: "/p.S/M", permissions: ["worker:viwe"] },
    ],
  });
  assert.deepEqual(faults, [
    'f.json: the role "a" is defined twice',
    "f.json: the method /p.S/M has two policies: join their permissions",
    'f.json: the role "a" grants "job:sumbit", which no policy asks for; did you mean "job:submit"?',
    'f.json: the policy of /p.S/M asks for "worker:viwe", which no role grants; ' +
    'did you mean "worker:view"?',
  ]);
});

Deno.test("a file that is no JSON, or not there, is named", async () => {
  assert.match(faultsOf("{")[0] ?? "", /^f\.json is not JSON/);
  await assert.rejects(
    loadPolicies("/nowhere/policies.json"),
    /security\.rbac\.policy_file: cannot read "\/nowhere\/policies\.json": there is no such file/,
  );
});

Deno.test("of very many or very long permissions that nothing knows some are told, and the rest is counted", () => {
  const names = Array.from({ length: 3_000 }, (_, at) => `x:${"a".repeat(1 + at)}`);
  const faults = faultsOf({
    roles: [{ name: "many", permissions: names }],
    policies: [{ method: `${MASTER}/SubmitJob`, permissions: [`y:${"b".repeat(1_000_000)}`] }],
  });
  assert.equal(faults.length, 21);
  assert.match(faults[0]!, /the role "many" grants "x:a", which no policy asks for/);
  assert.match(faults[20]!, /and 2981 faults more$/);
});
