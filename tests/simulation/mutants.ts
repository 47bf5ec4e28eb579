/**
 * Deliberately broken copies of the code, each of which the simulation must notice. A mutant is a
 * source patch that is applied to a copy, so the code itself has no switches.
 */

/** One replacement; `find` must occur exactly once. */
export interface Edit {
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/** See the module's text. */
export interface Mutant {
  readonly id: string;
  readonly title: string;
  readonly edits: readonly Edit[];
  /** Found by a scenario, or within so many seeds, counted from 1. */
  readonly seedsMax: number;
}

const ATTEMPTS = "src/jobs/apply_attempts.ts";
const CORE = "src/raft/core.ts";
const ELECTION = "src/raft/election.ts";
const FOLLOWER = "src/raft/follower.ts";
const LEADER = "src/raft/leader.ts";
const LIST = "tests/simulation/simulated_machine.ts";
const LOG = "src/raft/log.ts";
const NODE = "src/raft/node.ts";
const READY_WORK = "src/raft/ready_work.ts";
const JOB_STATE = "src/jobs/state.ts";
const JOB_WORKERS = "src/jobs/apply_workers.ts";
const READS = "src/raft/read_index.ts";
const RECEIVER = "src/raft/snapshot_receiver.ts";
const SENDER = "src/raft/snapshot_sender.ts";
const SUBMIT = "src/jobs/apply_submit.ts";
const SNAPSHOTS = "src/raft/snapshot_driver.ts";
const SPARES = "src/raft/spares.ts";
const STATE = "src/raft/state.ts";
const SCHEDULES = "src/jobs/apply_schedules.ts";
const SCHEDULE_DUTY = "src/master/schedule_duty.ts";

/** `src/raft/DESIGN.md` and the scenarios name them by these numbers. */
export const MUTANTS: readonly Mutant[] = [
  {
    id: "M1",
    title: "entries of old terms are committed by counting",
    seedsMax: 40,
    edits: [{
      file: LEADER,
      find: "index <= state.log.committed || state.log.term(index) !== state.term",
      replace: "index <= state.log.committed",
    }],
  },
  {
    id: "M2",
    title: "votes ignore the log",
    seedsMax: 10,
    edits: [{
      file: ELECTION,
      find: "const granted = free && isUpToDate;",
      replace: "const granted = free;",
    }],
  },
  {
    id: "M3",
    title: "the vote is not persisted",
    seedsMax: 5,
    edits: [{
      file: CORE,
      find: "hardState: { term, vote, commit: log.committed }",
      replace: "hardState: { term, vote: vote === null ? vote : null, commit: log.committed }",
    }],
  },
  {
    id: "M4",
    title: "messages leave before the write they depend on",
    seedsMax: 5,
    edits: [
      {
        file: READY_WORK,
        find: "    transport.send(ready.messagesAfterWrite);\n",
        replace: "",
      },
      {
        file: READY_WORK,
        find: "    if (ready.write !== undefined) log.append(",
        replace:
          "    transport.send(ready.messagesAfterWrite);\n    if (ready.write !== undefined) log.append(",
      },
    ],
  },
  {
    id: "M5",
    title: "any append shortens the log to what it brings",
    seedsMax: 10,
    edits: [{
      file: LOG,
      find: "if (position < 0) return { cutFrom: undefined, added: [] };",
      replace: `if (position < 0) {
      const from = prevIndex + entries.length + 1;
      if (from > this.lastIndex || from <= this.#committed) return { cutFrom: undefined, added: [] };
      this.#cutFrom(from);
      return { cutFrom: from, added: [] };
    }`,
    }],
  },
  {
    id: "M6",
    title: "a change of role forgets the vote",
    seedsMax: 10,
    edits: [{
      file: STATE,
      find: "if (term > this.term) this.setTermAndVote(term, null);",
      replace: "if (term > this.term) this.setTermAndVote(term, null);\n    else this.vote = null;",
    }],
  },
  {
    id: "M7",
    title: "a follower commits what it is told, up to its own last entry",
    seedsMax: 20,
    edits: [
      {
        file: FOLLOWER,
        find: "log.commitTo(Math.min(commit, match));",
        replace: "log.commitTo(Math.min(commit, log.lastIndex));",
      },
      {
        file: FOLLOWER,
        find: "state.log.commitTo(message.commit);",
        replace: "state.log.commitTo(Math.min(message.commit, state.log.lastIndex));",
      },
      {
        file: LEADER,
        find: "const commit = Math.min(peer.match, log.committed);",
        replace: "const commit = log.committed;",
      },
    ],
  },
  {
    id: "M8",
    title: "any answer is taken for all that was sent",
    seedsMax: 10,
    edits: [{
      file: LEADER,
      find: "if (peer.accepted(message.match)) {",
      replace: "if (peer.accepted(Math.max(message.match, peer.next - 1))) {",
    }],
  },
  {
    id: "M9",
    title: "any message resets the election timer",
    seedsMax: 10,
    edits: [{
      file: CORE,
      find: "    if (message.term > state.term && !this.#admitHigherTerm(message)) return;",
      replace:
        "    if (state.role.kind !== 'leader') state.electionElapsedTicks = 0;\n    if (message.term > state.term && !this.#admitHigherTerm(message)) return;",
    }],
  },
  {
    id: "M10",
    title: "reads are confirmed without a quorum",
    seedsMax: 40,
    edits: [{
      file: LEADER,
      find: "of leader.reads.confirmThrough(round)",
      replace: "of leader.reads.confirmThrough(Math.max(round, openRound))",
    }],
  },
  {
    id: "M11",
    title: "a leader serves reads before it committed in its term",
    seedsMax: 20,
    edits: [{
      file: LEADER,
      find: "leader.reads.hasWaiting && hasCommittedInTerm(state)",
      replace: "leader.reads.hasWaiting",
    }],
  },
  {
    id: "M12",
    title: "the number of a round of reads is used again",
    seedsMax: 40,
    edits: [{ file: READS, find: "this.#lastRound++;", replace: "this.#lastRound = 1;" }],
  },
  {
    id: "M13",
    title: "a snapshot keeps a log that conflicts with it",
    seedsMax: 40,
    edits: [{
      file: FOLLOWER,
      find: "if (log.matches(index, term)) {",
      replace: "if (log.lastIndex >= index) {",
    }],
  },
  {
    id: "M14",
    title: "the log is dropped before the state is durable",
    seedsMax: 10,
    edits: [
      {
        file: SNAPSHOTS,
        find:
          "      stateMachine.appliedIndex - trailing,\n      stateMachine.durableAppliedIndex,\n",
        replace: "      stateMachine.appliedIndex - trailing,\n",
      },
      {
        file: SNAPSHOTS,
        find: "      stateMachine.appliedIndex,\n      stateMachine.durableAppliedIndex,\n",
        replace: "      stateMachine.appliedIndex,\n",
      },
    ],
  },
  {
    id: "M15",
    title: "memberships change without their guards",
    seedsMax: 40,
    edits: [
      { file: CORE, find: "if (!leading.hasCommittedInTerm(state)) {", replace: "if (false) {" },
      { file: CORE, find: "if (currentIndex > state.log.committed) {", replace: "if (false) {" },
    ],
  },
  {
    id: "M16",
    title: "a leader outside of the membership counts itself",
    seedsMax: 40,
    edits: [
      {
        file: LEADER,
        find: "quorumValue(state.voterIds.map((id) => leader.peers.get(id)?.match ?? 0));",
        replace:
          "quorumValue([...new Set([...state.voterIds, state.id])].map((id) => id === state.id ? state.log.stableIndex : leader.peers.get(id)?.match ?? 0));",
      },
      {
        file: LEADER,
        find: "if (leader.peers.get(state.id)?.accepted(state.log.stableIndex) === true) {",
        replace:
          "const own = leader.peers.get(state.id);\n  if (own === undefined || own.accepted(state.log.stableIndex)) {",
      },
    ],
  },
  {
    id: "M17",
    title: "a submission that is retried makes another job",
    seedsMax: 10,
    edits: [{
      file: SUBMIT,
      find: "if (earlier !== undefined) {",
      replace: "if (earlier !== undefined && earlier.jobId === spec.id) {",
    }],
  },
  {
    id: "M18",
    title: "the applied index is saved apart from the effects",
    seedsMax: 10,
    edits: [{
      file: LIST,
      find: "this.#storage.saved = encode(this.#state);",
      replace: "this.#storage.saved = encode({ ...this.#state, index: this.#durableIndex });",
    }],
  },
  {
    id: "M19",
    title: "the token is not looked at when a worker reports",
    seedsMax: 20,
    edits: [{
      file: ATTEMPTS,
      find: "(report.token === 0 || report.token === job.token)",
      replace: "true",
    }],
  },
  {
    id: "M20",
    title: "checksums of snapshot chunks are ignored",
    seedsMax: 20,
    edits: [{ file: RECEIVER, find: " && crc32(data) === chunk.checksum", replace: "" }],
  },
  {
    id: "M21",
    title: "a pre-vote changes the term",
    seedsMax: 5,
    edits: [{
      file: CORE,
      find: "if (!message.pre) state.becomeFollower(term, undefined);",
      replace: "state.becomeFollower(term, undefined);",
    }],
  },
  {
    id: "M22",
    title: "pre-votes of a lower term are not answered",
    seedsMax: 40,
    edits: [{
      file: CORE,
      find: '} else if (message.kind === "vote_request" && message.pre) {',
      replace: '} else if (message.kind === "vote_request" && message.pre && message.term < 0) {',
    }],
  },
  {
    id: "M23",
    title: "what a deposed leader lets expire takes effect",
    seedsMax: 20,
    edits: [
      {
        file: ATTEMPTS,
        find: "command.leaderTerm !== undefined && command.leaderTerm !== position.term",
        replace: "false",
      },
      {
        file: JOB_WORKERS,
        find: "command.leaderTerm !== undefined && command.leaderTerm !== position.term",
        replace: "false",
      },
    ],
  },
  {
    id: "M24",
    title: "an old lease is honoured after the job was leased again",
    seedsMax: 20,
    edits: [{
      file: ATTEMPTS,
      find: "isHeld(job.status) && job.assignedTo === report.workerId &&",
      replace:
        "isHeld(job.status) && (report.token <= job.token || job.assignedTo === report.workerId) &&",
    }, {
      file: ATTEMPTS,
      find: "(report.token === 0 || report.token === job.token)",
      replace: "report.token <= job.token",
    }],
  },
  // Beyond the notes: what the simulation or others found here once.
  {
    id: "M25",
    title: "answers of another incarnation of a member are counted",
    seedsMax: 40,
    edits: [{
      file: NODE,
      find: 'isAnswer(message) && known !== "" &&',
      replace: 'false && known !== "" &&',
    }, {
      file: LEADER,
      find: "if (leader.peers.get(id)?.incarnation === incarnation) continue;",
      replace: "if (leader.peers.has(id)) continue;",
    }],
  },
  {
    id: "M26",
    title: "who asked to leave never campaigns",
    seedsMax: 40,
    edits: [{
      file: ELECTION,
      find: "return state.votes || isLeavingOnly(state);",
      replace: "return state.votes;",
    }],
  },
  {
    id: "M27",
    title: "transfers of snapshots of one leader have the same name",
    seedsMax: 20,
    edits: [{
      file: "src/raft/snapshot_sender.ts",
      find: "`${this.#driver.name()}-${++this.#made}-${source.metadata.index}`",
      replace: '"transfer"',
    }],
  },
  {
    id: "M28",
    title: "a run that should be skipped is made beside an unfinished one",
    seedsMax: 10,
    edits: [{
      file: SCHEDULES,
      find: 'if (before > 0 && schedule.overlap === "skip") {',
      replace: 'if (before > 1 && schedule.overlap === "skip") {',
    }],
  },
  {
    id: "M29",
    title: "a leader that catches up forgets to count what it passes over",
    seedsMax: 10,
    edits: [{
      file: SCHEDULE_DUTY,
      find: "missed: earlier + latest.length - wanted.length,",
      replace: "missed: 0,",
    }],
  },
  {
    id: "M30",
    title: "a queued run of a schedule waits for nothing",
    seedsMax: 20,
    edits: [{
      file: SCHEDULES,
      find: 'overlap === "queue" ? state.schedules',
      replace: 'overlap === ("" as string) ? state.schedules',
    }],
  },
  {
    id: "M31",
    title: "a job runs before all of its parents have ended",
    seedsMax: 5,
    edits: [{
      file: "src/jobs/dependencies.ts",
      find: "const isBlocked = child.open + child.broken > 0;",
      replace: "const isBlocked = child.broken > 0;",
    }],
  },
  {
    id: "M32",
    title: "a replica that was loaded anew has forgotten who is unique and who waits for whom",
    seedsMax: 10,
    edits: [{
      file: JOB_STATE,
      find: "for (const record of this.table.all.oldest()) this.#begin(record);",
      replace: "",
    }],
  },
  {
    id: "M33",
    title: "a job expires late",
    seedsMax: 5,
    edits: [{
      file: "src/jobs/settle.ts",
      find: "expired.job.expiresAtMs <= state.nowMs",
      replace: "expired.job.expiresAtMs + 100 <= state.nowMs",
    }],
  },
  {
    id: "M34",
    title: "the counts of a batch miss redrives",
    seedsMax: 10,
    edits: [{
      file: JOB_STATE,
      find: "this.batches.moved(job, from);",
      replace: 'if (from !== "failed") this.batches.moved(job, from);',
    }],
  },
  {
    id: "M35",
    title: "a replaced job keeps its unique key",
    seedsMax: 10,
    edits: [{
      file: SUBMIT,
      find: "if (replaced !== undefined) cancelJob(",
      replace: "if (replaced === null) cancelJob(",
    }],
  },
  {
    id: "M36",
    title: "who holds jobs of a group is forgotten with a restart",
    seedsMax: 20,
    edits: [{
      file: JOB_STATE,
      find: "if (isHeld(job.status)) this.#hold(record);",
      replace: "if (isHeld(job.status)) this.workers.get(job.assignedTo)?.hold(record);",
    }],
  },
  {
    id: "M37",
    title: "what is paused is assigned all the same",
    seedsMax: 5,
    edits: [{
      file: "src/jobs/settings.ts",
      find: "if (paused) limits.push({ meter: this, cost: 1, left: -1 });",
      replace: "",
    }, {
      file: "src/jobs/hindrance.ts",
      find: "if (settings.paused) {",
      replace: "if (settings.paused && held < 0) {",
    }],
  },
  {
    id: "M38",
    title: "parents are forgotten that somebody waits for",
    seedsMax: 10,
    edits: [{
      file: JOB_STATE,
      find: "return !this.dependencies.hasUnfinishedChildren(id);",
      replace: 'return id !== "";',
    }],
  },
  {
    id: "M39",
    title: "a batch counts what was forgotten as there",
    seedsMax: 10,
    edits: [{ file: JOB_STATE, find: "this.batches.forgotten(job);", replace: "" }],
  },
  {
    id: "M40",
    title: "a worker that was only out of reach is taken for one that died",
    seedsMax: 5,
    edits: [{
      file: JOB_WORKERS,
      find: "const isInnocent = !isNewSession || known.has(token);",
      replace: "const isInnocent = known.has(token);",
    }],
  },
  {
    id: "M41",
    title: "a worker may hold one more of a type than it takes",
    seedsMax: 5,
    edits: [
      {
        file: "src/jobs/worker_registry.ts",
        find: "return this.activeOfType(type) < (this.#typeSlots?.get(type) ?? Infinity);",
        replace: "return this.activeOfType(type) <= (this.#typeSlots?.get(type) ?? Infinity);",
      },
      {
        file: "src/scheduler/policy.ts",
        find: "this.worker.activeOfType(type) + (this.#taken.get(type) ?? 0) < slots",
        replace: "this.worker.activeOfType(type) + (this.#taken.get(type) ?? 0) <= slots",
      },
    ],
  },
  {
    id: "M42",
    title: "a follower that stands still is never passed by",
    seedsMax: 5,
    edits: [{
      file: SPARES,
      find: "if (++peer.wins < WINS && !front.isHeldUp) return;",
      replace: "if (++peer.wins > 0) return;",
    }],
  },
  {
    id: "M43",
    title: "a spare gets what it lacks when it is needed, and not before",
    seedsMax: 5,
    edits: [{
      file: LEADER,
      find: "!leader.front.sparesAreDue && completeFront",
      replace: "completeFront",
    }],
  },
  {
    id: "M44",
    title: "the log is compacted behind a snapshot that is being made",
    seedsMax: 0,
    edits: [{
      file: SENDER,
      find: "source.metadata.index ?? this.#makingIndex;",
      replace: "source.metadata.index;",
    }],
  },
  {
    id: "M45",
    title: "the log is compacted from under a follower that is being fed",
    seedsMax: 0,
    edits: [{
      file: SNAPSHOTS,
      find: "isTooLarge ? Infinity : this.#lowestFed(),",
      replace: "Infinity,",
    }],
  },
  {
    id: "M46",
    title: "a read shares the question of one that was asked before it came",
    seedsMax: 0,
    edits: [{
      file: "src/raft/pending.ts",
      find: "  close(): void {\n    this.#open = undefined;\n",
      replace: "  close(): void {\n",
    }],
  },
  {
    id: "M47",
    title: "a snapshot names members of a change behind it",
    seedsMax: 0,
    edits: [{
      file: SNAPSHOTS,
      find: "membership: core.view.memberships.at(index)",
      replace: "membership: core.view.memberships.current",
    }],
  },
  {
    id: "M48",
    title: "a membership that is cut from the log stays in force",
    seedsMax: 0,
    edits: [{
      file: FOLLOWER,
      find: "if (appended.cutFrom !== undefined) state.memberships.truncateFrom(appended.cutFrom);",
      replace: "",
    }, {
      file: "src/raft/membership.ts",
      find: "index > this.currentIndex,",
      replace: "index > 0,",
    }],
  },
  {
    id: "M49",
    title: "who installs a snapshot forgets its vote",
    seedsMax: 5,
    edits: [{
      file: "src/raft/start.ts",
      find: "vote: snapshot.term > term ? null : vote,",
      replace: "vote: null,",
    }],
  },
  {
    id: "M50",
    title: "a leader outside of the membership counts itself for reads",
    seedsMax: 0,
    edits: [{
      file: LEADER,
      find: "leader.peers.get(id)?.readRound ?? 0),\n  );",
      replace:
        "leader.peers.get(id)?.readRound ?? 0).concat(state.votes ? [] : [openRound]).sort((a, b) => b - a).slice(0, state.voterIds.length),\n  );",
    }],
  },
  {
    id: "M51",
    title: "an installation that a crash interrupted is not finished",
    seedsMax: 0,
    edits: [{
      file: "src/raft/start.ts",
      find: "if (installing === undefined) return;",
      replace: "if (installing !== undefined || installing === undefined) return;",
    }],
  },
];
