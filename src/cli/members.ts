/**
 * `conductor cluster members`, `add`, `remove`, `promote`, `transfer-leadership` and `snapshot`.
 *
 * @module
 */

import { MemberClient, type MemberDetails, type MembersView } from "../rpc/mod.ts";
import { type Answer, tell } from "./answer.ts";
import { clientChannel } from "./connect.ts";
import { configFrom } from "./config_flags.ts";
import type { Flags } from "./router.ts";
import { renderTable } from "./table.ts";
import { printable, type Sheet, type Terminal } from "./terminal.ts";
import { tellOrWatch } from "./watching.ts";

/** A change of the membership waits for the log, a transfer for an election, in ms. */
const CALL_TIMEOUT_MS = 30_000;

/** Calls the cluster as those who run it do, and closes the connections. */
export async function withMemberClient<Result>(
  flags: Flags,
  terminal: Terminal,
  use: (client: MemberClient) => Promise<Result>,
): Promise<Result> {
  const loaded = configFrom(flags, "client");
  for (const warning of loaded.warnings) terminal.err.write(`conductor: ${warning}\n`);
  const client = new MemberClient(await clientChannel(loaded, CALL_TIMEOUT_MS));
  try {
    return await use(client);
  } finally {
    client.close();
  }
}

export async function listMembers(flags: Flags, terminal: Terminal): Promise<void> {
  await withMemberClient(flags, terminal, async (client) => {
    await tellOrWatch(flags, terminal, async () => {
      const view = await client.listMembers();
      return {
        json: membersJson(view),
        list: "members",
        text: (sheet) => membersTable(view, sheet),
      };
    });
  });
}

export async function addMember(
  nodeId: string,
  raftAddress: string,
  flags: Flags,
  terminal: Terminal,
): Promise<void> {
  await withMemberClient(flags, terminal, async (client) => {
    const grpcAddress = String(flags.grpcAddress ?? "");
    const message = await client.addMember({ id: nodeId, raftAddress, grpcAddress });
    tell(flags, terminal, done(nodeId, message));
  });
}

export async function removeMember(
  nodeId: string,
  flags: Flags,
  terminal: Terminal,
): Promise<void> {
  await withMemberClient(flags, terminal, async (client) => {
    const message = await client.removeMember(nodeId, { force: flags.force === true });
    tell(flags, terminal, done(nodeId, message));
  });
}

export async function promoteMember(
  nodeId: string,
  flags: Flags,
  terminal: Terminal,
): Promise<void> {
  await withMemberClient(flags, terminal, async (client) => {
    const message = await client.promoteMember(nodeId);
    tell(flags, terminal, done(nodeId, message));
  });
}

export async function transferLeadership(flags: Flags, terminal: Terminal): Promise<void> {
  await withMemberClient(flags, terminal, async (client) => {
    const to = typeof flags.to === "string" ? flags.to : undefined;
    const { leaderId, term } = await client.transferLeadership(to);
    const text = `${leaderId} leads now, in term ${term}`;
    tell(flags, terminal, {
      json: { leader_id: leaderId, term },
      text: () => `${printable(text)}\n`,
    });
  });
}

export async function takeSnapshot(flags: Flags, terminal: Terminal): Promise<void> {
  await withMemberClient(flags, terminal, async (client) => {
    const taken = await client.takeSnapshot();
    const { nodeId, snapshotIndex, firstLogIndex } = taken;
    const text = `${nodeId} has its state on disk up to entry ${snapshotIndex}; ` +
      `its log begins at entry ${firstLogIndex}`;
    tell(flags, terminal, {
      json: { node_id: nodeId, snapshot_index: snapshotIndex, first_log_index: firstLogIndex },
      text: () => `${printable(text)}\n`,
    });
  });
}

function done(nodeId: string, message: string): Answer {
  return { json: { node_id: nodeId, message }, text: () => `${printable(message)}\n` };
}

/** The masters, for programs. */
export function membersJson(view: MembersView) {
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

/** The masters, one a line. */
export function membersTable({ members }: MembersView, sheet: Sheet): string {
  return renderTable(
    [
      { title: "MEMBER", cutTo: 10 },
      "ROLE",
      { title: "SUFFRAGE", rank: 2 },
      "ANSWERS",
      { title: "LAST CONTACT", rank: 3 },
      { title: "MATCH", rank: 5 },
      { title: "LAG", rank: 1 },
      { title: "RAFT ADDRESS", rank: 6 },
      { title: "GRPC ADDRESS", rank: 4 },
      { title: "VERSION", rank: 4 },
      { title: "INCARNATION", rank: 7 },
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
    sheet,
  );
}

function contactText({ role, lastContactMs }: MemberDetails): string {
  if (role === "leader") return "";
  return lastContactMs === undefined ? "never" : `${Math.round(lastContactMs)}ms ago`;
}
