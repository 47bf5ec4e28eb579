/**
 * `conductor rbac show`, `test` and `set`.
 *
 * @module
 */

import { nearest } from "../config/mod.ts";
import { type PolicyView, Refusal, type SecurityClient } from "../rpc/mod.ts";
import { parsePolicies, type PolicySet } from "../security/mod.ts";
import { formatOf, tell } from "./answer.ts";
import { FlagReader } from "./arguments.ts";
import { reasonOf } from "./reason.ts";
import { Misuse, NegativeAnswer } from "./failure.ts";
import { secondText, timeText } from "./present.ts";
import type { Flags } from "./router.ts";
import { renderPairs, renderTable } from "./table.ts";
import { printable, type Terminal } from "./terminal.ts";
import { withSecurity } from "./tokens.ts";

export async function showPolicy(flags: Flags, terminal: Terminal): Promise<void> {
  const policy = await withSecurity(flags, terminal, (client) => client.getPolicy());
  const { file } = flags;
  if (typeof file === "string") {
    await writePolicy(file, policy.text);
    terminal.err.write(
      `conductor: revision ${policy.revision} is in ${file}; ` +
        `\`conductor rbac set ${file} --revision ${policy.revision}\` sets what becomes of it\n`,
    );
    return;
  }
  tell(flags, terminal, {
    json: {
      revision: policy.revision,
      set_by: policy.by === "" ? null : policy.by,
      set_at: policy.atMs === 0 ? null : timeText(policy.atMs),
      policy: JSON.parse(policy.text),
    },
    text: () =>
      `${renderPairs(headOf(policy))}\n` +
      tablesOf(parsePolicies(policy.text, "the cluster's policy")),
  });
}

export async function testPolicy(method: string, flags: Flags, terminal: Terminal): Promise<void> {
  const reader = new FlagReader(flags);
  const roles = reader.texts("role") ?? [];
  reader.done();
  const text = typeof flags.file === "string" ? await readPolicy(flags.file) : "";
  const { verdict, known } = await withSecurity(flags, terminal, async (client) => ({
    verdict: await client.testPolicy({ method, roles, text }),
    known: roles.length === 0 ? undefined : await rolesIn(client, text),
  }));
  const fault = known === undefined ? undefined : unknownRole(roles, known);
  if (fault !== undefined) throw new Misuse(fault);
  const { allowed, reason, needed, rolesThatMay, revision } = verdict;
  tell(flags, terminal, {
    json: {
      allowed,
      method: verdict.method,
      reason,
      needed,
      roles_that_may: rolesThatMay,
      revision: text === "" ? revision : null,
    },
    text: () =>
      renderPairs([
        ["Allowed", allowed ? "yes" : "no"],
        ["Why", printable(reason)],
        ["It needs", printable(needed.join(" or ")) || "admin:*"],
        ["Who may", printable(rolesThatMay.join(", ")) || "nobody"],
      ]),
  });
  if (!allowed) throw new NegativeAnswer("");
}

/** The policy's roles; undefined for who may not look at it, and may still ask what it allows. */
async function rolesIn(client: SecurityClient, text: string): Promise<string[] | undefined> {
  const policy = text === "" ? (await policyFor(client))?.text : text;
  if (policy === undefined) return undefined;
  return parsePolicies(policy, "the policy").roles.map(({ name }) => name);
}

/** What is wrong with the first of `roles` that the policy does not know; it would grant nothing. */
export function unknownRole(
  roles: readonly string[],
  known: readonly string[],
): string | undefined {
  const role = roles.find((each) => !known.includes(each));
  if (role === undefined) return undefined;
  const near = nearest(role, known);
  const hint = near === undefined
    ? `the policy has ${known.map(printable).join(", ")}`
    : `did you mean ${printable(near)}?`;
  return `--role is ${JSON.stringify(role)}, and there is no such role; ${hint}`;
}

export async function setPolicy(file: string, flags: Flags, terminal: Terminal): Promise<void> {
  const reader = new FlagReader(flags);
  const given = reader.integer("revision", { min: 0 });
  reader.done();
  const text = await readPolicy(file);
  const { revision, methodsWithoutPolicy } = await withSecurity(
    flags,
    terminal,
    async (client) => client.setPolicy(text, given ?? await revisionOf(client)),
  );
  tell(flags, terminal, {
    json: { revision, methods_without_policy: methodsWithoutPolicy },
    text: () => `the policy is at revision ${revision}\n`,
  });
  if (methodsWithoutPolicy.length > 0 && formatOf(flags) === "table") {
    terminal.err.write(
      `conductor: only admin:* may call ${methodsWithoutPolicy.map(printable).join(", ")}: no ` +
        "policy names them\n",
    );
  }
}

/**
 * The revision that is to be replaced. Who may not look at the policy hears of setting one, which is
 * what was asked: at revision 0 there is none that could be overwritten.
 */
async function revisionOf(client: SecurityClient): Promise<number> {
  return (await policyFor(client))?.revision ?? 0;
}

/** The cluster's policy; undefined for who may not look at it. */
async function policyFor(client: SecurityClient): Promise<PolicyView | undefined> {
  try {
    return await client.getPolicy();
  } catch (failure) {
    if (failure instanceof Refusal && failure.reason === "permission_denied") return undefined;
    throw failure;
  }
}

function headOf({ revision, by, atMs }: PolicyView): [string, string][] {
  if (revision === 0) return [["Revision", "0: none was set, and the program's own holds"]];
  return [["Revision", String(revision)], ["Set by", printable(by)], ["Set at", secondText(atMs)]];
}

function tablesOf({ roles, policies }: PolicySet): string {
  const ofRoles = renderTable(
    ["ROLE", "PERMISSIONS"],
    roles.map(({ name, permissions }) => [name, permissions.join(", ")]),
  );
  const ofMethods = renderTable(
    ["METHOD", "NEEDS"],
    policies.map(({ method, permissions }) => [method, permissions.join(" or ")]),
  );
  return `${ofRoles}\n${ofMethods}`;
}

async function readPolicy(file: string): Promise<string> {
  if (file === "-") return await new Response(Deno.stdin.readable).text();
  try {
    return await Deno.readTextFile(file);
  } catch (cause) {
    throw new Misuse(`cannot read the policy file ${file}: ${reasonOf(cause)}`, { cause });
  }
}

async function writePolicy(file: string, text: string): Promise<void> {
  try {
    await Deno.writeTextFile(file, text);
  } catch (cause) {
    throw new Misuse(`cannot write the policy file ${file}: ${reasonOf(cause)}`, { cause });
  }
}
