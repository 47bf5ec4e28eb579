/**
 * A member's address as the membership carries it: where its peers reach it, and where clients do.
 *
 * @module
 */

/** The two addresses of a master, each `host:port`. */
export interface MemberAddress {
  readonly raft: string;
  readonly grpc: string;
}

/** `10.0.0.1:7000/10.0.0.1:9000`: one string, since consensus treats it as opaque. */
export function formatMemberAddress(address: MemberAddress): string {
  return `${address.raft}/${address.grpc}`;
}

/** The inverse of {@linkcode formatMemberAddress}; without a second part there is no gRPC address. */
export function parseMemberAddress(text: string): MemberAddress {
  const [raft = "", grpc = ""] = text.split("/");
  return { raft, grpc };
}
