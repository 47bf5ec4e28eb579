/**
 * `conductor cluster members`, `add`, `remove`, `promote`, `transfer-leadership` and `snapshot`.
 *
 * @module
 */

import { MemberClient, type MemberDetails, type MembersView } from "../rpc/mod.ts";
import { clientChannel } from "./connect.ts";
import { configFrom } from "./config_flags.ts";
import type { Flags } from "./router.ts";
import { renderTable } from "./table.ts";
import { type OutputFormat, printable, type Terminal } from "./terminal.ts";

/** A change of the membership waits for the log, a transfer for an election, in ms. */
const CALL_TIMEOUT_MS = 30_000;

/** Calls the cluster as those who run it do, and closes the connections. */
export async function withMemberClient<Answer>(
  flags: Flags,
  terminal: Terminal,
  use: (client: MemberClient, format: OutputFormat) => Promise<Answer>,
): Promise<Answer> {
  const loaded = configFrom(flags, "client");
  for (const warning of loaded.warnings) terminal.err.write(`conductor: ${warning}\n`);
  const client = new MemberClient(await clientChannel(loaded, CALL_TIMEOUT_MS));
  try {
    return await use(client, flags.output as OutputFormat);
  } finally {
    client.close();
  }
}

export async function listMembers(flags: Flags, terminal: Terminal): Promise<void> {
  await withMemberClient(flags, terminal, async (client, format) => {
    const view = await client.listMembers();
    terminal.out.write(
      format === "json" ? `${JSON.stringify(membersJson(view), null, 2)}\n` : membersTable(view),
    );
  });
}

export async function addMember(
  nodeId: string,
  raftAddress: string,
  flags: Flags,
  terminal: Terminal,
): Promise<void> {
  await withMemberClient(flags, terminal, async (client, format) => {
    const grpcAddress = String(flags.grpcAddress ?? "");
    const message = await client.addMember({ id: nodeId, raftAddress, grpcAddress });
    tell({ node_id: nodeId, message }, message, format, terminal);
  });
}

export async function removeMember(
  nodeId: string,
  flags: Flags,
  terminal: Terminal,
): Promise<void> {
  await withMemberClient(flags, terminal, async (client, format) => {
    const message = await client.removeMember(nodeId, { force: flags.force === true });
    tell({ node_id: nodeId, message }, message, format, terminal);
  });
}

export async function promoteMember(
  nodeId: string,
  flags: Flags,
  terminal: Terminal,
): Promise<void> {
  await withMemberClient(flags, terminal, async (client, format) => {
    const message = await client.promoteMember(nodeId);
    tell({ node_id: nodeId, message }, message, format, terminal);
  });
}

export async function transferLeadership(flags: Flags, terminal: Terminal): Promise<void> {
  await withMemberClient(flags, terminal, async (client, format) => {
    const to = typeof flags.to === "string" ? flags.to : undefined;
    const { leaderId, term } = await client.transferLeadership(to);
    const text = `${leaderId} leads now, in term ${term}`;
    tell({ leader_id: leaderId, term }, text, format, terminal);
  });
}

export async function takeSnapshot(flags: Flags, terminal: Terminal): Promise<void> {
  await withMemberClient(flags, terminal, async (client, format) => {
    const taken = await client.takeSnapshot();
    const { nodeId, snapshotIndex, firstLogIndex } = taken;
    tell(
      { node_id: nodeId, snapshot_index: snapshotIndex, first_log_index: firstLogIndex },
      `${nodeId} has its state on disk up to entry ${snapshotIndex}; ` +
        `its log begins at entry ${firstLogIndex}`,
      format,
      terminal,
    );
  });
}

function tell(
  answer: Readonly<Record<string, string | number>>,
  text: string,
  format: OutputFormat,
  { out }: Terminal,
): void {
  out.write(format === "json" ? `${JSON.stringify(answer, null, 2)}\n` : `${printable(text)}\n`);
}

function membersJson(view: MembersView) {
  return {
    leader_id: view.leaderId,
    term: view.term,
    commit_index: view.commitIndex,
    last_log_index: view.lastLogIndex,
    membership_index: view.membershipIndex,
    entry_format: view.entryFormat,
    members: view.members.map((member) => ({
      id: member.id,
      incarnation: member.incarnation === "" ? null : member.incarnation,
      raft_address: member.raftAddress,
      grpc_address: member.grpcAddress === "" ? null : member.grpcAddress,
      suffrage: member.suffrage,
      role: member.role,
      match_index: member.matchIndex,
      lag: member.lag,
      last_contact_ms: member.lastContactMs ?? null,
      answers: member.answers,
      version: member.version === "" ? null : member.version,
      entry_format: member.entryFormat === 0 ? null : member.entryFormat,
    })),
  };
}

function membersTable({ members }: MembersView): string {
  return renderTable(
    [
      "MEMBER",
      "ROLE",
      "SUFFRAGE",
      "ANSWERS",
      "LAST CONTACT",
      "MATCH",
      "LAG",
      "RAFT ADDRESS",
      "GRPC ADDRESS",
      "VERSION",
      "INCARNATION",
    ],
    members.map((member) => [
      printable(member.id),
      member.role,
      member.suffrage,
      member.answers ? "yes" : "no",
      contactText(member),
      String(member.matchIndex),
      String(member.lag),
      printable(member.raftAddress),
      printable(member.grpcAddress),
      printable(member.version),
      printable(member.incarnation),
    ]),
  );
}

function contactText({ role, lastContactMs }: MemberDetails): string {
  if (role === "leader") return "";
  return lastContactMs === undefined ? "never" : `${Math.round(lastContactMs)}ms ago`;
}
