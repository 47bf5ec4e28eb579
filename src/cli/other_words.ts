/**
 * What commands of ours are called elsewhere: by other programs, by the HTTP API, in people's heads.
 *
 * @module
 */

const OURS: Readonly<Record<string, readonly string[]>> = {
  "master": ["server", "serve", "start", "run"],
  "worker": ["agent", "consume"],
  "submit": ["enqueue", "add", "push", "send", "create", "job", "client"],
  "watch JOB": ["wait", "follow"],
  "status JOB": ["get", "show", "describe", "inspect", "history", "attempts"],
  "explain JOB": ["why", "reasons"],
  "list": ["ls", "ps", "jobs"],
  "cancel JOB": ["rm", "delete", "remove", "kill", "stop", "abort"],
  "dlq": ["dead", "dead-letters", "dead-letter", "failed"],
  "dlq retry JOB": ["retry", "redrive", "requeue"],
  "workers drain WORKER": ["drain"],
  "queue pause QUEUE": ["pause"],
  "queue resume QUEUE": ["resume"],
  "queue or type": ["settings", "limits"],
  "cluster members": ["members", "nodes", "masters", "peers"],
  "cluster": ["info", "leader"],
  "top": ["stats", "monitor", "dashboard"],
  "health": ["ping", "ready"],
  "token issue": ["login", "user", "gen_token"],
  "certs": ["cert", "tls", "ca"],
  "completion": ["completions"],
  "schedule": ["cron", "schedules"],
};

const BY_WORD = new Map(
  Object.entries(OURS).flatMap(([ours, words]) => words.map((word) => [word, ours] as const)),
);

/** The command that somebody who types `word` is likely to look for. */
export function commandCalled(word: string): string | undefined {
  return BY_WORD.get(word.toLowerCase());
}

/** All words with what they stand for. */
export function otherWords(): readonly (readonly [word: string, ours: string])[] {
  return [...BY_WORD];
}
