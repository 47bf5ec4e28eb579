import assert from "node:assert/strict";
import fc from "fast-check";
import { join } from "node:path";
import type { AttemptReportView } from "../rpc/light.ts";
import { Outbox } from "./outbox.ts";
import { ReportJournal, type ReportJournalOptions } from "./report_journal.ts";

class Place {
  readonly directory = Deno.makeTempDirSync({ prefix: "conductor-journal-" });
  readonly path = join(this.directory, "reports.journal");
  readonly warnings: string[] = [];

  open(options: Partial<ReportJournalOptions> = {}): ReportJournal {
    const warn = (message: string) => void this.warnings.push(message);
    const log = { warn };
    return ReportJournal.open(this.path, { log, ...options });
  }

  /** As if the process had been killed: nothing is closed, and another opens the file. */
  kept(): readonly AttemptReportView[] {
    return this.open().kept;
  }

  get bytes(): number {
    return Deno.statSync(this.path).size;
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.directory, { recursive: true });
  }
}

function finished(jobId: string, token = 1, output = new Uint8Array([1, 2])): AttemptReportView {
  return {
    jobId,
    token,
    kind: "finished",
    success: true,
    output,
    contentType: "application/json",
    error: "",
    permanent: false,
    timedOut: false,
    durationMs: 1.5,
    logTail: ["one", "two"],
    logLinesCut: 3,
  };
}

const released: AttemptReportView = { jobId: "r", token: 7, kind: "released", reason: "drain" };

Deno.test("a journal that somebody removed under a running worker is there again, whole, with the next report", () => {
  using place = new Place();
  let nowMs = 0;
  const journal = place.open({ now: () => nowMs });
  journal.keep([finished("a"), released]);
  nowMs += 1_000;
  journal.keep([finished("b", 2)]);
  assert.deepEqual(place.warnings, []);
  Deno.removeSync(place.path);
  nowMs += 1_000;
  journal.keep([finished("c")]);
  assert.match(place.warnings.join(), /^the journal of results had been removed; it is written/);
  assert.deepEqual(place.kept(), [finished("a"), released, finished("b", 2), finished("c")]);
  Deno.renameSync(place.path, `${place.path}.old`);
  nowMs += 1_000;
  journal.rest();
  assert.deepEqual(place.kept(), []);
});

Deno.test("a journal whose directory was removed is told of once, and results go on being sent", () => {
  using place = new Place();
  let nowMs = 0;
  const journal = place.open({ now: () => nowMs });
  Deno.removeSync(place.directory, { recursive: true });
  for (const id of ["a", "b", "c"]) {
    nowMs += 1_000;
    journal.keep([finished(id)]);
  }
  assert.match(place.warnings.join(), /^the journal of results was removed, and cannot be[^,]*$/);
  Deno.mkdirSync(place.directory);
  nowMs += 1_000;
  journal.keep([finished("d")]);
  assert.deepEqual(place.kept(), ["a", "b", "c", "d"].map((id) => finished(id)));
});

Deno.test("what was kept and not acknowledged is there after a kill, in order and whole", () => {
  using place = new Place();
  const journal = place.open();
  assert.deepEqual(journal.kept, []);
  journal.keep([finished("a"), released]);
  journal.keep([finished("b", 2)]);
  assert.deepEqual(place.kept(), [finished("a"), released, finished("b", 2)]);
});

Deno.test("an error of megabytes, as earlier versions kept it, is short enough for a master", () => {
  using place = new Place();
  place.open().keep([
    { ...finished("a") as object, error: "x".repeat(5_000_000) } as AttemptReportView,
  ]);
  const [kept] = place.kept();
  assert.ok(kept?.kind === "finished");
  assert.equal(kept.error.length, 4_096);
});

Deno.test("a journal of which all is acknowledged is empty, and one that is closed has what is left", () => {
  using place = new Place();
  const journal = place.open();
  const empty = place.bytes;
  journal.keep([finished("a"), finished("b")]);
  journal.settled(0, () => []);
  // It is short: this can wait until there is time.
  assert.ok(place.bytes > empty);
  journal.rest();
  assert.equal(place.bytes, empty);
  journal.keep([finished("c"), finished("d")]);
  journal.close([finished("d")]);
  assert.deepEqual(place.kept(), [finished("d")]);
});

Deno.test("a file that grows is written anew with what is not acknowledged", () => {
  using place = new Place();
  const journal = place.open({ rewriteBytesMin: 4_000 });
  const waiting = finished("waiting");
  journal.keep([waiting]);
  for (let number = 0; number < 1_000; number++) {
    journal.keep([finished(`job-${number}`)]);
    journal.settled(1, () => [waiting]);
    assert.ok(place.bytes < 5_000, `${place.bytes} bytes for one report`);
  }
  assert.ok(place.kept().some(({ jobId }) => jobId === "waiting"));
});

Deno.test("a file of which all is acknowledged again and again does not grow, without a rest", () => {
  using place = new Place();
  const journal = place.open();
  for (let number = 0; number < 1_000; number++) {
    journal.keep([finished(`job-${number}`)]);
    journal.settled(0, () => []);
  }
  assert.ok(place.bytes < 70_000, `${place.bytes} bytes for nothing`);
});

Deno.test("wherever a write was cut short, the whole reports before it are there and the next ones too", () => {
  fc.assert(
    fc.property(fc.nat(), fc.nat(2), (cut, more) => {
      using place = new Place();
      const journal = place.open();
      const empty = place.bytes;
      const sizes = ["a", "b", "c"].map((id) => {
        journal.keep([finished(id)]);
        return place.bytes;
      });
      const length = empty + cut % (sizes[2]! - empty + 1);
      Deno.truncateSync(place.path, length);
      const whole = ["a", "b", "c"].filter((_, at) => sizes[at]! <= length).map((id) =>
        finished(id)
      );
      const again = place.open();
      assert.deepEqual(again.kept, whole);
      const next = Array.from({ length: more }, (_, at) => finished(`next-${at}`));
      again.keep(next);
      assert.deepEqual(place.kept(), [...whole, ...next]);
    }),
    { numRuns: 60 },
  );
});

Deno.test("a changed byte ends the journal there, and is told of", () => {
  using place = new Place();
  const journal = place.open();
  journal.keep([finished("a")]);
  const at = place.bytes + 20;
  journal.keep([finished("b"), finished("c")]);
  const bytes = Deno.readFileSync(place.path);
  bytes[at]! ^= 1;
  Deno.writeFileSync(place.path, bytes);
  assert.deepEqual(place.kept(), [finished("a")]);
  assert.deepEqual(place.warnings, ["a part of the journal of results is damaged, and left out"]);
});

Deno.test("a file that is no journal is refused with what to do, and left as it is", () => {
  using place = new Place();
  Deno.writeTextFileSync(place.path, "conductor reports 2\nand what that means");
  assert.throws(() => place.open(), /no journal of results that this program knows; .*remove it/);
  assert.equal(Deno.readTextFileSync(place.path), "conductor reports 2\nand what that means");
});

Deno.test("a journal that is full says so once, and takes reports again when there is room", () => {
  using place = new Place();
  const journal = place.open({ bytesMax: 1_000 });
  journal.keep([finished("a", 1, new Uint8Array(600))]);
  for (const id of ["b", "c"]) journal.keep([finished(id, 1, new Uint8Array(600))]);
  assert.equal(place.warnings.length, 1);
  assert.equal(journal.isAmiss, true);
  journal.settled(0, () => []);
  journal.keep([finished("d")]);
  assert.equal(journal.isAmiss, false);
  assert.deepEqual(place.kept(), [finished("d")]);
});

Deno.test("an outbox sends what an earlier process left, and leaves what is not acknowledged", () => {
  using place = new Place();
  const first = new Outbox(place.open());
  first.report({ jobId: "a", token: 1, kind: "started" });
  for (const id of ["a", "b"]) first.report(finished(id));
  first.keep();
  first.take();
  // It is killed here; the next one finds both.
  const second = new Outbox(place.open());
  assert.deepEqual(second.unacknowledged, [finished("a"), finished("b")]);
  assert.deepEqual(second.take(), [finished("a"), finished("b")]);
  second.acknowledge([{ jobId: "a", token: 1, accepted: false, message: "it had ended" }]);
  second.close();
  assert.deepEqual(place.kept(), [finished("b")]);
});

Deno.test("a journal that is closed writes nothing, whoever has its descriptor now", () => {
  using place = new Place();
  const outbox = new Outbox(place.open());
  outbox.report(released);
  outbox.keep();
  outbox.close();
  const other = join(place.directory, "other.txt");
  const text = "something of somebody else's, which is long enough to be written over";
  Deno.writeTextFileSync(other, text);
  using _theirs = Deno.openSync(other, { read: true, write: true });
  outbox.report(finished("late"));
  outbox.keep();
  outbox.acknowledge([]);
  assert.equal(Deno.readTextFileSync(other), text);
  assert.deepEqual(place.kept(), [released]);
});
