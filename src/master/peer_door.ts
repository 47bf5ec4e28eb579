/**
 * What passes between this master and its peers beside consensus itself: who it is, who they are, and
 * who is let through to it.
 *
 * @module
 */

import type { Message } from "../raft/mod.ts";
import { type IntroductionAnswer, type PeerFacts, Refusal } from "../rpc/mod.ts";
import { ENTRY_FORMATS, type SqliteRaftLog } from "../storage/mod.ts";
import { initialClusterText } from "./founding.ts";
import type { MemberAddress } from "./member_address.ts";
import type { MemberDirectory } from "./member_directory.ts";
import type { Listen, MasterOptions } from "./options.ts";
import { Peers } from "./peers.ts";
import { foundersOf, initialClusterFault } from "./raft_start.ts";
import { Said } from "./said.ts";

export interface PeerDoorOptions {
  readonly master: Pick<MasterOptions, "nodeId" | "version" | "founding" | "grpc" | "raft" | "log">;
  readonly log: SqliteRaftLog;
  readonly directory: MemberDirectory;
  /** Whether this node leads and serves. */
  readonly isLeading: () => boolean;
  /** A message for consensus. */
  readonly step: (message: Message, sender: PeerFacts) => void;
}

export class PeerDoor {
  readonly peers = new Peers();
  readonly #options: PeerDoorOptions;
  readonly #said = new Said();
  #ports: { readonly grpc: number; readonly raft: number } | undefined;

  constructor(options: PeerDoorOptions) {
    this.#options = options;
  }

  /** All ports are bound: now peers may be told where this node is. */
  open(ports: { readonly grpc: number; readonly raft: number }): void {
    this.#ports = ports;
  }

  get ownAddress(): MemberAddress {
    const { raft, grpc } = this.#options.master;
    return {
      raft: reachableAt(raft, this.#ports?.raft ?? raft.port),
      grpc: reachableAt(grpc, this.#ports?.grpc ?? grpc.port),
    };
  }

  /** What peers are told of this node. */
  get ownFacts(): PeerFacts {
    const { raft, grpc } = this.ownAddress;
    return {
      address: raft,
      grpcAddress: grpc,
      incarnation: this.#options.log.identity.incarnation,
      version: this.#options.master.version,
      entryFormat: ENTRY_FORMATS.newest,
    };
  }

  /** What those are told that are to start with this node. */
  introduction(): IntroductionAnswer {
    const { log, directory, master: { nodeId, founding } } = this.#options;
    const { clusterId, incarnation } = log.identity;
    const members = [...directory.ids].map((id) => directory.get(id))
      .filter((each) => each !== undefined)
      .map(({ id, address, incarnation }) => ({ id, address, incarnation }));
    return {
      nodeId,
      incarnation,
      grpcAddress: this.ownAddress.grpc,
      initialCluster: founding.kind === "static" ? initialClusterText(founding.members) : [],
      cluster: { id: clusterId, members, founders: foundersOf(log) },
    };
  }

  /**
   * Takes a message from a peer of this cluster.
   *
   * @throws Refusal when this node leads and knows that the sender is no member
   */
  take(message: Message, sender: PeerFacts): void {
    if (this.#ports === undefined) return; // an answer would tell of ports that are not bound
    const { directory, isLeading, step } = this.#options;
    this.peers.heard(message.from, sender);
    const member = directory.get(message.from);
    // A leader knows who belongs; others may lag behind somebody's coming.
    if (member === undefined && isLeading()) {
      throw new Refusal(
        "failed_precondition",
        `${message.from} is not a member of this cluster (any more)`,
      );
    }
    if (member !== undefined && isOther(member.incarnation, sender.incarnation)) {
      this.warnOnce("a peer comes from another disk than the member of its name", {
        peer: message.from,
        member_incarnation: member.incarnation,
        peer_incarnation: sender.incarnation,
        peer_address: sender.address,
      });
    }
    step(message, sender);
  }

  /** The membership on disk counts; what a flag says otherwise is worth a word. */
  compareInitialCluster(): void {
    const { directory, master: { founding, log } } = this.#options;
    if (founding.kind !== "static") return;
    const difference = initialClusterFault(
      founding.members,
      [...directory.ids].map((id) => ({ id })),
    );
    if (difference === undefined) return;
    log.warn("cluster.initial_cluster differs from the cluster on disk, which counts", {
      difference,
    });
  }

  /** Peers try again and again; what comes of it is said now and then. */
  warnOnce(text: string, fields: Readonly<Record<string, string>>): void {
    if (!this.#said.isNews(`${text} ${Object.values(fields).join(" ")}`)) return;
    this.#options.master.log.warn(text, fields);
  }
}

function isOther(known: string, found: string): boolean {
  return known !== "" && found !== "" && known !== found;
}

function reachableAt(listen: Listen, port: number): string {
  return listen.advertise ?? `${listen.host}:${port}`;
}
