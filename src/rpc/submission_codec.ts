/**
 * The messages that bring submissions and their answers, written and read by hand: every job passes
 * through four of them, and the library's way, which looks up each field of each message by its
 * descriptor, took a quarter of what a submission costs a leader beside consensus and state. What is not
 * as nearly all are (a field that we do not know, no UTF-8) goes through the library, so that the two
 * never differ; `submission_codec_test.ts` holds them alike.
 *
 * @module
 */

import {
  create,
  type DescMessage,
  fromBinary,
  isMessage,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { TimestampSchema } from "@bufbuild/protobuf/wkt";
import type { Buffer } from "node:buffer";
import {
  JobOptionsSchema,
  type SubmitJobRequest,
  SubmitJobRequestSchema,
  type SubmitJobResponse,
  SubmitJobResponseSchema,
  type SubmitJobsRequest,
  SubmitJobsRequestSchema,
  type SubmitJobsResponse,
  SubmitJobsResponseSchema,
  type SubmitStreamRequest,
  SubmitStreamRequestSchema,
  type SubmitStreamResponse,
  SubmitStreamResponseSchema,
} from "./gen/scheduler_pb.ts";
import { lengthTag, NotPlain, ProtoReader, ProtoWriter, varintTag } from "./proto_bytes.ts";
import type { AnyMessage } from "./wire.ts";

type Init<Schema extends DescMessage> = MessageInitShape<Schema>;
type Texts = Readonly<Record<string, string>>;

const NO_BYTES = new Uint8Array(0);
const NO_TEXTS: { [key: string]: string } = Object.freeze({});

/** Undefined: the library has to write it. */
export function submissionBytes(
  schema: DescMessage,
  message: Init<DescMessage>,
): Buffer | undefined {
  const codec = CODECS.get(schema);
  if (codec === undefined) return undefined;
  try {
    const writer = new ProtoWriter();
    codec.write(writer, message);
    return writer.finish();
  } catch (failure) {
    if (failure instanceof NotPlain) return undefined;
    throw failure;
  }
}

/** Undefined: the library has to read it. */
export function submissionMessage(schema: DescMessage, bytes: Uint8Array): AnyMessage | undefined {
  const codec = CODECS.get(schema);
  if (codec === undefined) return undefined;
  try {
    return codec.read(new ProtoReader(bytes));
  } catch (failure) {
    if (failure instanceof NotPlain) return undefined;
    throw failure;
  }
}

/** What `create` makes of it. */
export function submitJobRequest(init: Init<typeof SubmitJobRequestSchema>): SubmitJobRequest {
  if (isMessage(init, SubmitJobRequestSchema)) return init;
  if (init.options !== undefined || init.runAt !== undefined) {
    return create(SubmitJobRequestSchema, init);
  }
  return {
    $typeName: "proto.SubmitJobRequest",
    type: init.type ?? "",
    payload: init.payload ?? NO_BYTES,
    priority: init.priority ?? 0,
    maxRetries: init.maxRetries ?? 0,
    timeoutSeconds: init.timeoutSeconds ?? 0n,
    timeoutMs: init.timeoutMs ?? 0n,
    idempotencyKey: init.idempotencyKey ?? "",
    labels: init.labels ?? NO_TEXTS,
    delayMs: init.delayMs ?? 0n,
    requiredTags: init.requiredTags ?? NO_TEXTS,
    retryDelayMs: init.retryDelayMs ?? 0n,
    defaultRetries: init.defaultRetries ?? false,
    ref: init.ref ?? "",
    namespace: init.namespace ?? "",
  };
}

interface Codec {
  write(writer: ProtoWriter, message: object): void;
  read(reader: ProtoReader): AnyMessage;
}

const CODECS: ReadonlyMap<DescMessage, Codec> = new Map<DescMessage, Codec>([
  [SubmitJobRequestSchema, { write: writeJob, read: readJob }],
  [SubmitJobsRequestSchema, { write: writeJobs, read: readJobs }],
  [SubmitStreamRequestSchema, { write: writeStreamed, read: readStreamed }],
  [SubmitJobResponseSchema, { write: writeAnswer, read: readAnswer }],
  [SubmitJobsResponseSchema, { write: writeAnswers, read: readAnswers }],
  [SubmitStreamResponseSchema, { write: writeStreamedAnswers, read: readStreamedAnswers }],
]);

// --- What is asked ----------------------------------------------------------------------------

function writeJob(writer: ProtoWriter, job: Init<typeof SubmitJobRequestSchema>): void {
  mustBeKnown(job);
  writer.text(1, job.type ?? "");
  writer.bytes(2, job.payload ?? NO_BYTES);
  writer.int(3, job.priority ?? 0);
  writer.int(4, job.maxRetries ?? 0);
  writer.long(5, job.timeoutSeconds ?? 0n);
  writer.long(6, job.timeoutMs ?? 0n);
  writer.text(7, job.idempotencyKey ?? "");
  if (job.labels !== undefined) writeTexts(writer, 8, job.labels);
  writer.long(9, job.delayMs ?? 0n);
  if (job.requiredTags !== undefined) writeTexts(writer, 10, job.requiredTags);
  writer.long(11, job.retryDelayMs ?? 0n);
  writer.flag(12, job.defaultRetries ?? false);
  const { options, runAt } = job;
  if (options !== undefined) {
    writer.whole(13, toBinary(JobOptionsSchema, create(JobOptionsSchema, options)));
  }
  if (runAt !== undefined) {
    writer.whole(14, toBinary(TimestampSchema, create(TimestampSchema, runAt)));
  }
  writer.text(15, job.ref ?? "");
  writer.text(16, job.namespace ?? "");
}

function readJob(reader: ProtoReader): SubmitJobRequest {
  const job = submitJobRequest({});
  while (reader.hasMore) {
    switch (reader.uint()) {
      case lengthTag(1):
        job.type = reader.text();
        break;
      case lengthTag(2):
        job.payload = reader.bytes();
        break;
      case varintTag(3):
        job.priority = reader.int();
        break;
      case varintTag(4):
        job.maxRetries = reader.int();
        break;
      case varintTag(5):
        job.timeoutSeconds = reader.long();
        break;
      case varintTag(6):
        job.timeoutMs = reader.long();
        break;
      case lengthTag(7):
        job.idempotencyKey = reader.text();
        break;
      case lengthTag(8):
        if (job.labels === NO_TEXTS) job.labels = {};
        readText(reader, job.labels);
        break;
      case varintTag(9):
        job.delayMs = reader.long();
        break;
      case lengthTag(10):
        if (job.requiredTags === NO_TEXTS) job.requiredTags = {};
        readText(reader, job.requiredTags);
        break;
      case varintTag(11):
        job.retryDelayMs = reader.long();
        break;
      case varintTag(12):
        job.defaultRetries = reader.flag();
        break;
      case lengthTag(13):
        if (job.options !== undefined) throw new NotPlain("in parts");
        job.options = byLibrary(JobOptionsSchema, reader.bytes());
        break;
      case lengthTag(14):
        if (job.runAt !== undefined) throw new NotPlain("in parts");
        job.runAt = byLibrary(TimestampSchema, reader.bytes());
        break;
      case lengthTag(15):
        job.ref = reader.text();
        break;
      case lengthTag(16):
        job.namespace = reader.text();
        break;
      default:
        throw new NotPlain("a field that we do not know");
    }
  }
  return job;
}

function jobByLibrary(bytes: Uint8Array): SubmitJobRequest {
  return byLibrary(SubmitJobRequestSchema, bytes);
}

function writeJobs(writer: ProtoWriter, request: Init<typeof SubmitJobsRequestSchema>): void {
  mustBeKnown(request);
  for (const job of request.jobs ?? []) writer.message(1, job, writeJob);
  writer.flag(2, request.allOrNothing ?? false);
  for (const each of request.traceparents ?? []) writer.element(3, each);
}

function readJobs(reader: ProtoReader): SubmitJobsRequest {
  const request = create(SubmitJobsRequestSchema);
  while (reader.hasMore) {
    switch (reader.uint()) {
      case lengthTag(1):
        request.jobs.push(reader.message(readJob, jobByLibrary));
        break;
      case varintTag(2):
        request.allOrNothing = reader.flag();
        break;
      case lengthTag(3):
        request.traceparents.push(reader.text());
        break;
      default:
        throw new NotPlain("a field that we do not know");
    }
  }
  return request;
}

function writeStreamed(writer: ProtoWriter, request: Init<typeof SubmitStreamRequestSchema>): void {
  mustBeKnown(request);
  writer.long(1, request.sequence ?? 0n);
  for (const job of request.jobs ?? []) writer.message(2, job, writeJob);
  writer.long(3, request.timeoutMs ?? 0n);
  for (const each of request.requestIds ?? []) writer.element(4, each);
  for (const each of request.traceparents ?? []) writer.element(5, each);
}

function readStreamed(reader: ProtoReader): SubmitStreamRequest {
  const request = create(SubmitStreamRequestSchema);
  while (reader.hasMore) {
    switch (reader.uint()) {
      case varintTag(1):
        request.sequence = reader.long();
        break;
      case lengthTag(2):
        request.jobs.push(reader.message(readJob, jobByLibrary));
        break;
      case varintTag(3):
        request.timeoutMs = reader.long();
        break;
      case lengthTag(4):
        request.requestIds.push(reader.text());
        break;
      case lengthTag(5):
        request.traceparents.push(reader.text());
        break;
      default:
        throw new NotPlain("a field that we do not know");
    }
  }
  return request;
}

// --- What is answered -------------------------------------------------------------------------

function writeAnswer(writer: ProtoWriter, answer: Init<typeof SubmitJobResponseSchema>): void {
  mustBeKnown(answer);
  writer.text(1, answer.jobId ?? "");
  writer.text(2, answer.status ?? "");
  writer.text(3, answer.message ?? "");
  writer.flag(4, answer.duplicate ?? false);
  writer.int(5, answer.code ?? 0);
  writer.long(6, answer.retryAfterMs ?? 0n);
  writer.flag(7, answer.existing ?? false);
  writer.text(8, answer.refusalReason ?? "");
}

function readAnswer(reader: ProtoReader): SubmitJobResponse {
  const answer: SubmitJobResponse = {
    $typeName: "proto.SubmitJobResponse",
    jobId: "",
    status: "",
    message: "",
    duplicate: false,
    code: 0,
    retryAfterMs: 0n,
    existing: false,
    refusalReason: "",
  };
  while (reader.hasMore) {
    switch (reader.uint()) {
      case lengthTag(1):
        answer.jobId = reader.text();
        break;
      case lengthTag(2):
        answer.status = reader.text();
        break;
      case lengthTag(3):
        answer.message = reader.text();
        break;
      case varintTag(4):
        answer.duplicate = reader.flag();
        break;
      case varintTag(5):
        answer.code = reader.int();
        break;
      case varintTag(6):
        answer.retryAfterMs = reader.long();
        break;
      case varintTag(7):
        answer.existing = reader.flag();
        break;
      case lengthTag(8):
        answer.refusalReason = reader.text();
        break;
      default:
        throw new NotPlain("a field that we do not know");
    }
  }
  return answer;
}

function answerByLibrary(bytes: Uint8Array): SubmitJobResponse {
  return byLibrary(SubmitJobResponseSchema, bytes);
}

function writeAnswers(writer: ProtoWriter, response: Init<typeof SubmitJobsResponseSchema>): void {
  mustBeKnown(response);
  for (const each of response.results ?? []) writer.message(1, each, writeAnswer);
}

function readAnswers(reader: ProtoReader): SubmitJobsResponse {
  const response = create(SubmitJobsResponseSchema);
  while (reader.hasMore) {
    if (reader.uint() !== lengthTag(1)) throw new NotPlain("a field that we do not know");
    response.results.push(reader.message(readAnswer, answerByLibrary));
  }
  return response;
}

function writeStreamedAnswers(
  writer: ProtoWriter,
  response: Init<typeof SubmitStreamResponseSchema>,
): void {
  mustBeKnown(response);
  writer.long(1, response.sequence ?? 0n);
  for (const each of response.results ?? []) writer.message(2, each, writeAnswer);
  writer.text(3, response.clusterView ?? "");
}

function readStreamedAnswers(reader: ProtoReader): SubmitStreamResponse {
  const response = create(SubmitStreamResponseSchema);
  while (reader.hasMore) {
    switch (reader.uint()) {
      case varintTag(1):
        response.sequence = reader.long();
        break;
      case lengthTag(2):
        response.results.push(reader.message(readAnswer, answerByLibrary));
        break;
      case lengthTag(3):
        response.clusterView = reader.text();
        break;
      default:
        throw new NotPlain("a field that we do not know");
    }
  }
  return response;
}

// --- Pairs of texts ---------------------------------------------------------------------------

function writeTexts(writer: ProtoWriter, field: number, texts: Texts): void {
  for (const key in texts) {
    if (Object.hasOwn(texts, key)) writer.message(field, [key, texts[key]!], writePair);
  }
}

function writePair(writer: ProtoWriter, [key, value]: readonly [string, string]): void {
  writer.element(1, key);
  writer.element(2, value);
}

function readText(reader: ProtoReader, texts: Record<string, string>): void {
  const [key, value] = reader.message(readPair, () => {
    throw new NotPlain("no pair");
  });
  if (key === "__proto__") throw new NotPlain("a name that objects have");
  texts[key] = value;
}

function readPair(reader: ProtoReader): readonly [string, string] {
  let key = "";
  let value = "";
  while (reader.hasMore) {
    const tag = reader.uint();
    if (tag === lengthTag(1)) key = reader.text();
    else if (tag === lengthTag(2)) value = reader.text();
    else throw new NotPlain("no pair");
  }
  return [key, value];
}

/** @throws NotPlain for what it cannot read: it says what is wrong when it reads the whole. */
function byLibrary<Schema extends DescMessage>(
  schema: Schema,
  bytes: Uint8Array,
): MessageShape<Schema> {
  try {
    return fromBinary(schema, bytes);
  } catch (cause) {
    throw new NotPlain("nothing that the library reads", { cause });
  }
}

function mustBeKnown(message: Pick<AnyMessage, "$unknown"> | object): void {
  if ("$unknown" in message && message.$unknown !== undefined) throw new NotPlain("more");
}
