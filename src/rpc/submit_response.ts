/**
 * What became of a submission, as callers are told.
 *
 * @module
 */

import type { MessageInitShape } from "@bufbuild/protobuf";
import type { SubmitJobResponse, SubmitJobResponseSchema } from "./gen/scheduler_pb.ts";
import type { SubmissionOutcome } from "./master_api.ts";
import { codeOf, reasonNamed, reasonOfCode, Refusal } from "./status.ts";

/** Messages that are whole: `create` would go over all of their fields again. */
export function submitResponse(outcome: SubmissionOutcome): SubmitJobResponse {
  if ("refused" in outcome) return refusedResponse(outcome.refused);
  return {
    $typeName: "proto.SubmitJobResponse",
    jobId: outcome.jobId,
    status: "success",
    message: outcome.message,
    duplicate: outcome.duplicate,
    code: 0,
    retryAfterMs: 0n,
    existing: outcome.existing ?? false,
    refusalReason: "",
  };
}

export function refusedResponse(refused: Refusal): SubmitJobResponse {
  return {
    $typeName: "proto.SubmitJobResponse",
    jobId: "",
    status: refused.reason === "overloaded" ? "overloaded" : "error",
    message: refused.message,
    duplicate: false,
    code: codeOf(refused.reason),
    retryAfterMs: BigInt(Math.ceil(refused.retryAfterMs ?? 0)),
    existing: false,
    refusalReason: refused.reason,
  };
}

/** The refusal that {@linkcode refusedResponse} tells of; undefined: the job was taken. */
export function refusalIn(
  { status, message, code = 0, retryAfterMs = 0n, refusalReason = "" }:
    & Pick<MessageInitShape<typeof SubmitJobResponseSchema>, "status" | "message">
    & Partial<Pick<SubmitJobResponse, "code" | "retryAfterMs" | "refusalReason">>,
): Refusal | undefined {
  if (status === "success") return undefined;
  return new Refusal(reasonNamed(refusalReason) ?? reasonOfCode(code), message ?? "", {
    isAnswer: true,
    ...(retryAfterMs > 0n && { retryAfterMs: Number(retryAfterMs) }),
  });
}
