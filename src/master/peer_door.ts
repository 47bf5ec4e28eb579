/**
 * What passes between this master and its peers beside consensus itself: who it is, who they are, and
 * who is let through to it.
 *
 * @module
 */

import type { Message } from "../raft/mod.ts";
import {
  type Introduction,
  type IntroductionAnswer,
  type PeerFacts,
  type PeerListener,
  Refusal,
} from "../rpc/mod.ts";
import { ENTRY_FORMATS, type SqliteRaftLog } from "../storage/mod.ts";
import { askAll, initialClusterText } from "./founding.ts";
import { Lives } from "./lives.ts";
import type { MemberAddress } from "./member_address.ts";
import type { MemberDirectory } from "./member_directory.ts";
import type { Listen, MasterOptions } from "./options.ts";
import { Peers } from "./peers.ts";
import { foundersOf, initialClusterFault } from "./raft_start.ts";
import { Said } from "./said.ts";
import { SoleLife, untilAlone } from "./sole_life.ts";

/** How long a start may wait for a member to say whether this node runs already, in ms. */
const ALONE_TIMEOUT_MS = 1_000;

export interface PeerDoorOptions {
  readonly master: Pick<
    MasterOptions,
    | "nodeId"
    | "version"
    | "founding"
    | "grpc"
    | "raft"
    | "log"
    | "onFailed"
    | "peerChannel"
  >;
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
  readonly #life = crypto.randomUUID();
  readonly #lives = new Lives(() => performance.now());
  readonly #soleLife: SoleLife;
  #ports: { readonly grpc: number; readonly raft: number } | undefined;

  constructor(options: PeerDoorOptions) {
    this.#options = options;
    this.#soleLife = new SoleLife(() => performance.now(), options.master.onFailed);
  }

  /**
   * Resolves when no member that answers knows of another process with this data directory; to be
   * awaited before this node takes part.
   *
   * @throws Error with a message for the operator
   */
  async alone(): Promise<void> {
    const { directory, log, master } = this.#options;
    const addresses = [...directory.ids].map((id) => [id, directory.addressOf(id)?.raft ?? ""]);
    const own = {
      nodeId: master.nodeId,
      incarnation: log.identity.incarnation,
      grpcAddress: this.ownAddress.grpc,
      initialCluster: [],
      life: this.#life,
    };
    await untilAlone(
      own,
      async () => {
        const others = Object.fromEntries(addresses);
        return (await askAll(master, others, own, ALONE_TIMEOUT_MS)).answers.values();
      },
      {
        now: () => performance.now(),
        pause: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
      },
    );
  }

  /** A peer hears another process with this node's data directory. */
  doubted(peer: string, reason: string): void {
    this.warnOnce("a peer hears another process of this node", { peer, reason });
    this.#soleLife.doubted(peer, reason);
  }

  /** Another process may be this node: until that is settled this one promises nothing. */
  get isDoubted(): boolean {
    return this.#soleLife.isDoubted;
  }

  /** Streams of peers, of whom one process each is let in. */
  get streams(): Required<Pick<PeerListener, "onFrame" | "onEnded">> {
    return {
      onFrame: (sender, stream) => {
        const other = this.#lives.heard(sender, stream);
        if (other === undefined) return;
        const { nodeId, address, incarnation } = sender;
        this.warnOnce("a node was started twice: the second process is turned away", {
          peer: nodeId,
          incarnation,
          first_address: other,
          second_address: address,
        });
        throw new Refusal(
          "already_exists",
          `${nodeId} (incarnation ${incarnation}) is heard from another process, at ${other}`,
        );
      },
      onEnded: (stream) => this.#lives.ended(stream),
    };
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
      nodeId: this.#options.master.nodeId,
      address: raft,
      grpcAddress: grpc,
      incarnation: this.#options.log.identity.incarnation,
      version: this.#options.master.version,
      entryFormat: ENTRY_FORMATS.newest,
      life: this.#life,
    };
  }

  /** What those are told that start. */
  introduction(asker: Introduction): IntroductionAnswer {
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
      otherLifeAddress: this.#lives.otherOf(asker) ?? "",
    };
  }

  /**
   * Takes a message from a peer of this cluster.
   *
   * @throws Refusal when this node leads and knows that the sender is no member
   */
  take(message: Message, sender: PeerFacts): void {
    if (this.#ports === undefined) return; // an answer would tell of ports that are not bound
    if (this.isDoubted) return;
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
