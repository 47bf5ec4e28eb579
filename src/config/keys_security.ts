/**
 * Keys of who may come in: TLS, tokens, roles and limits.
 *
 * @module
 */

import { listenHost } from "./addresses.ts";
import { EVERYONE, flag, key, MASTER, NODES, type Role } from "./key.ts";
import { boolean, choice, integer, list, matching, number, path, text } from "./kinds.ts";
import { bytes, duration } from "./quantities.ts";

const DIALLERS: readonly Role[] = ["worker", "client"];
const CERTS = "/etc/conductor/certs";

const serverName = () =>
  matching(/^[A-Za-z0-9*]([A-Za-z0-9.*-]*[A-Za-z0-9])?$/, "a DNS name", { emptyAllowed: true });

/** The same default in the two profiles that have certificates. */
const deployed = <Value>(value: Value) => ({ staging: value, production: value });

/** As the headers of tokens spell them, though written in any case. */
const algorithm = () =>
  choice(["HS256", "RS256", "ES256", "EdDSA"], {
    hs256: "HS256",
    rs256: "RS256",
    es256: "ES256",
    eddsa: "EdDSA",
  });

/** `security.*` */
export const securityKeys = {
  token: key(text({ emptyAllowed: true }), {
    doc: "The bearer token that this process presents: a client's, a worker's, a joining master's.",
    usedBy: EVERYONE,
    default: "",
    legacyEnv: ["CONDUCTOR_TOKEN"],
    flags: flag("token", EVERYONE),
    secret: true,
  }),
  token_file: key(path({ emptyAllowed: true }), {
    doc: "File (mode 0600) with that token.",
    usedBy: EVERYONE,
    default: "",
    legacyEnv: ["CONDUCTOR_TOKEN_FILE"],
    flags: flag("token-file", EVERYONE),
  }),
  payload_key: key(text({ emptyAllowed: true }), {
    doc:
      "Key that encrypts the payloads of submitted jobs, and decrypts what jobs were given and " +
      "left: 32 bytes in base64 (`conductor payload-key new`). Several, by commas: the first " +
      "encrypts, all decrypt. Masters have none.",
    usedBy: DIALLERS,
    default: "",
    legacyEnv: ["CONDUCTOR_PAYLOAD_KEY"],
    secret: true,
  }),
  payload_key_file: key(path({ emptyAllowed: true }), {
    doc: "File (mode 0600) with payload keys, one a line: the first encrypts, all decrypt. " +
      "`conductor payload-key new FILE` makes one.",
    usedBy: DIALLERS,
    default: "",
    legacyEnv: ["CONDUCTOR_PAYLOAD_KEY_FILE"],
    flags: flag("payload-key-file", DIALLERS),
  }),
  tls: {
    enabled: key(boolean(), {
      doc: "TLS 1.3 with certificates on both sides, on every gRPC channel and on HTTP.",
      usedBy: EVERYONE,
      default: false,
      profileDefaults: deployed(true),
      legacyEnv: ["SECURITY_TLS_ENABLED"],
      flags: flag("tls", EVERYONE),
    }),
    cert_file: key(path({ emptyAllowed: true }), {
      doc: "PEM file of this process's certificate, with its chain.",
      usedBy: EVERYONE,
      default: "",
      profileDefaults: deployed(`${CERTS}/server.crt`),
      legacyEnv: ["SECURITY_TLS_CERT_FILE"],
      flags: flag("cert", EVERYONE),
    }),
    key_file: key(path({ emptyAllowed: true }), {
      doc: "PEM file (mode 0600) of the private key of cert_file.",
      usedBy: EVERYONE,
      default: "",
      profileDefaults: deployed(`${CERTS}/server.key`),
      legacyEnv: ["SECURITY_TLS_KEY_FILE"],
      flags: flag("key", EVERYONE),
    }),
    ca_file: key(path({ emptyAllowed: true }), {
      doc:
        "PEM file of the authorities that the other side's certificate is checked against, those " +
        "between it and its root included; empty, for workers and clients: the system's.",
      usedBy: EVERYONE,
      default: "",
      profileDefaults: deployed(`${CERTS}/ca.crt`),
      legacyEnv: ["SECURITY_TLS_CA_FILE"],
      flags: flag("ca-cert", EVERYONE),
    }),
    server_name: key(serverName(), {
      doc: "Name that a master's certificate must bear; empty: the name that was dialled.",
      usedBy: EVERYONE,
      default: "",
      profileDefaults: {
        staging: "conductor-staging.svc",
        production: "conductor.production.svc",
      },
      legacyEnv: ["SECURITY_TLS_SERVER_NAME"],
      flags: flag("server-name", DIALLERS),
    }),
    skip_verify: key(boolean(), {
      doc: "Do not check the other side's certificate. Refused in production.",
      usedBy: EVERYONE,
      default: false,
      profileDefaults: { development: true },
      legacyEnv: ["SECURITY_TLS_SKIP_VERIFY"],
      flags: flag("insecure-skip-verify", DIALLERS),
    }),
    auto_generate: key(boolean(), {
      doc: "Make a missing certificate from the development authority in generated_dir. " +
        "Refused in production.",
      usedBy: EVERYONE,
      default: false,
      profileDefaults: { development: true },
      legacyEnv: ["SECURITY_TLS_AUTO_GENERATE"],
    }),
    generated_dir: key(path({ emptyAllowed: true }), {
      doc:
        "Directory (mode 0700) of the development authority and what it issues; nodes that share " +
        "it trust each other. Empty: .conductor/development-certificates in the user's home.",
      usedBy: EVERYONE,
      default: "",
    }),
    revocation_file: key(path({ emptyAllowed: true }), {
      doc: "File of certificates that are no longer accepted, besides those that the cluster has " +
        "revoked: one SHA-256 fingerprint a line, or as `conductor certs revoke` writes it.",
      usedBy: NODES,
      default: "",
    }),
  },
  reload_interval: key(duration({ min: "50ms", max: "1h" }), {
    doc: "How often the configuration file, certificates, keys, authorities and the revocation " +
      "list are checked for changes (SIGHUP does so at once), and open connections for expired " +
      "certificates.",
    usedBy: NODES,
    default: "10s",
  }),
  raft_tls: {
    enabled: key(boolean(), {
      doc: "TLS with certificates on both sides between masters (Raft and snapshots).",
      usedBy: MASTER,
      default: false,
      profileDefaults: deployed(true),
      legacyEnv: ["SECURITY_RAFT_TLS_ENABLED"],
    }),
    cert_file: key(path({ emptyAllowed: true }), {
      doc: "PEM file of this master's certificate towards its peers.",
      usedBy: MASTER,
      default: "",
      profileDefaults: deployed(`${CERTS}/raft.crt`),
      legacyEnv: ["SECURITY_RAFT_TLS_CERT_FILE"],
    }),
    key_file: key(path({ emptyAllowed: true }), {
      doc: "PEM file (mode 0600) of the private key of cert_file.",
      usedBy: MASTER,
      default: "",
      profileDefaults: deployed(`${CERTS}/raft.key`),
      legacyEnv: ["SECURITY_RAFT_TLS_KEY_FILE"],
    }),
    ca_file: key(path({ emptyAllowed: true }), {
      doc:
        "PEM file of the authorities that peers' certificates are checked against, those between " +
        "them and their root included.",
      usedBy: MASTER,
      default: "",
      profileDefaults: deployed(`${CERTS}/ca.crt`),
      legacyEnv: ["SECURITY_RAFT_TLS_CA_FILE"],
    }),
    server_name: key(serverName(), {
      doc: "Name that a peer's certificate must bear; empty: the name that was dialled.",
      usedBy: MASTER,
      default: "",
      profileDefaults: {
        staging: "conductor-staging.svc",
        production: "conductor.production.svc",
      },
      legacyEnv: ["SECURITY_RAFT_TLS_SERVER_NAME"],
    }),
    skip_verify: key(boolean(), {
      doc: "Do not check peers' certificates. Refused in production.",
      usedBy: MASTER,
      default: false,
      profileDefaults: { development: true },
      legacyEnv: ["SECURITY_RAFT_TLS_SKIP_VERIFY"],
    }),
    auto_generate: key(boolean(), {
      doc: "Make a missing certificate from the development authority. Refused in production.",
      usedBy: MASTER,
      default: false,
      legacyEnv: ["SECURITY_RAFT_TLS_AUTO_GENERATE"],
    }),
  },
  http_auth: key(boolean(), {
    doc:
      "Whether pages other than /health and /ready (state of the cluster, metrics) ask for a token, " +
      "or a client certificate, whose roles have the permission (cluster:view, metrics:view). In " +
      "development without roles everybody has it. The API below /api/v1 always asks, as the gRPC " +
      "port does.",
    usedBy: NODES,
    default: true,
  }),
  http_hosts: key(list(listenHost()), {
    doc: "Further host names that a node which listens on loopback and lets everybody in answers " +
      "to, such as the Host header of a reverse proxy. It always answers to addresses, to " +
      "names that nobody on the internet can have (localhost, master-1, *.internal) and to " +
      "those that it advertises. It refuses others, since another site could point its own " +
      "name at this address. Wherever it listens, a master that lets everybody in accepts " +
      "changes from pages under such names alone.",
    usedBy: NODES,
    default: [],
  }),
  connections: {
    max: key(integer({ min: 8, max: 1_000_000 }), {
      doc:
        "Connections that each listener of a node holds at a time. For one more, the oldest idle " +
        "one is ended; if none is idle, the new one is refused.",
      usedBy: NODES,
      default: 10_000,
    }),
    max_per_address: key(integer({ min: 4, max: 1_000_000 }), {
      doc: "Of those, from one IPv4 address or one IPv6 /64.",
      usedBy: NODES,
      default: 1024,
    }),
    handshake_timeout: key(duration({ min: "50ms", max: "5m" }), {
      doc:
        "Time for the handshakes of TLS and HTTP/2, or for the headers of the first request of " +
        "HTTP/1.1, before a connection is ended; a request with its body has three times as long.",
      usedBy: NODES,
      default: "10s",
    }),
    idle_timeout: key(duration({ min: "0", max: "24h" }), {
      doc: "Time without a call or stream after which a gRPC connection is ended (clients make " +
        "another when they need it); 0: never.",
      usedBy: NODES,
      default: "30m",
    }),
    max_streams: key(integer({ min: 8, max: 1_000_000 }), {
      doc:
        "Calls and streams that one gRPC connection may have under way at a time; a caller may have " +
        "four times as many streams open, over all of its connections.",
      usedBy: NODES,
      default: 4096,
    }),
    max_header_size: key(bytes({ min: "4KiB", max: "120KiB" }), {
      doc: "Headers of one call or request, names and values together; more are refused unread.",
      usedBy: NODES,
      default: "32KiB",
    }),
  },
  jwt: {
    secret_key_file: key(path({ emptyAllowed: true }), {
      doc:
        "File (mode 0600) with such secrets, one a line: the first signs, all verify, so that a " +
        "secret can be rotated. Reread when it changes, as are secret_key of a configuration " +
        "file, public_key_path and private_key_path.",
      usedBy: NODES,
      default: "",
      legacyEnv: ["JWT_SECRET_KEY_FILE"],
    }),
    secret_key: key(text({ emptyAllowed: true }), {
      doc: "Secret that signs and checks HS256 tokens. Masters of staging and production need 32 " +
        "bytes or more (or public_key_path); empty, in development: a master makes a random one " +
        "at each start and, where roles are enforced, writes an administrator's token signed " +
        "with it to development-token in its data directory. A worker uses it, if it has it, on " +
        "its own gRPC port.",
      usedBy: NODES,
      live: true,
      default: "",
      legacyEnv: ["JWT_SECRET_KEY", "CONDUCTOR_JWT_SECRET"],
      secret: true,
    }),
    public_key_path: key(path({ emptyAllowed: true }), {
      doc: "PEM file of a public key whose RS256, ES256 or EdDSA tokens are accepted.",
      usedBy: NODES,
      default: "",
      legacyEnv: ["JWT_PUBLIC_KEY_PATH"],
    }),
    private_key_path: key(path({ emptyAllowed: true }), {
      doc:
        "PEM file (mode 0600) of a private key (RSA, P-256 or Ed25519) with which masters sign " +
        "the tokens that they issue, in place of secret_key; what it signs is accepted.",
      usedBy: MASTER,
      default: "",
      legacyEnv: ["JWT_PRIVATE_KEY_PATH"],
    }),
    jwks_file: key(path({ emptyAllowed: true }), {
      doc: "File of a JSON Web Key Set whose RS256, ES256 and EdDSA tokens are accepted, by kid; " +
        "read again when it changes.",
      usedBy: NODES,
      default: "",
      legacyEnv: ["JWT_JWKS_FILE"],
    }),
    jwks_url: key(text({ emptyAllowed: true }), {
      doc:
        "https:// address of such a set, fetched when it is needed and kept for ten minutes, or " +
        "for a day where it does not answer.",
      usedBy: NODES,
      default: "",
      legacyEnv: ["JWT_JWKS_URL"],
    }),
    algorithms: key(list(algorithm()), {
      doc: "Algorithms of tokens that are accepted; empty: those that there are keys for.",
      usedBy: NODES,
      default: [],
      legacyEnv: ["JWT_ALGORITHMS"],
    }),
    leeway: key(duration({ min: "0s", max: "5m" }), {
      doc: "How far clocks may differ when a token's exp, nbf and iat are looked at.",
      usedBy: NODES,
      default: "30s",
      legacyEnv: ["JWT_LEEWAY"],
    }),
    issuer: key(text(), {
      doc: "iss of the tokens that are issued, and required of those presented.",
      usedBy: NODES,
      default: "conductor",
      profileDefaults: {
        development: "conductor-dev",
        staging: "conductor-staging",
        production: "conductor-production",
      },
      legacyEnv: ["JWT_ISSUER"],
    }),
    audience: key(text(), {
      doc: "aud of the tokens that are issued, and required of those presented.",
      usedBy: NODES,
      // The original's common default was conductor, but no profile left it at that.
      default: "conductor-api",
      legacyEnv: ["JWT_AUDIENCE"],
    }),
    access_token_ttl: key(duration({ min: "1s", max: "8760h" }), {
      doc: "Lifetime of the tokens that masters issue, unless a request names one, and of those " +
        "with which they call workers.",
      usedBy: MASTER,
      default: "15m",
      legacyEnv: ["JWT_ACCESS_TOKEN_TTL"],
    }),
    refresh_token_ttl: key(duration({ min: "1s", max: "87600h" }), {
      doc: "Lifetime of the refresh tokens that masters issue; each use starts it again.",
      usedBy: MASTER,
      default: "168h",
      legacyEnv: ["JWT_REFRESH_TOKEN_TTL"],
    }),
    skip_expiry: key(boolean(), {
      doc: "Accept tokens past their exp. Refused in production.",
      usedBy: NODES,
      default: false,
      profileDefaults: { development: true },
      legacyEnv: ["JWT_SKIP_EXPIRY"],
    }),
  },
  rbac: {
    enabled: key(boolean(), {
      doc: "Whether a call needs a permission of its caller's roles. Required in production.",
      usedBy: NODES,
      default: true,
      profileDefaults: { development: false },
      legacyEnv: ["RBAC_ENABLED"],
    }),
    policy_file: key(path({ emptyAllowed: true }), {
      // ./config/rbac-policies.json in the original, which worked from one directory only.
      doc: "JSON file of roles and policies; empty: the ones inside the program.",
      usedBy: NODES,
      default: "",
      legacyEnv: ["RBAC_POLICY_FILE"],
    }),
  },
  rate_limit: {
    enabled: key(boolean(), {
      doc: "Whether each caller's requests are limited.",
      usedBy: NODES,
      default: true,
      profileDefaults: { development: false },
      legacyEnv: ["SECURITY_RATE_LIMIT_ENABLED"],
    }),
    requests_per_sec: key(number({ min: 0.001, max: 10_000_000 }), {
      doc:
        "Sustained requests per second of one caller. A SubmitJobs counts as one, however many " +
        "jobs it has, and so does each job of a SubmitStream: " +
        "scheduler.max_pending_jobs_per_client bounds how many jobs may wait.",
      usedBy: NODES,
      default: 100,
      profileDefaults: { staging: 50 },
      legacyEnv: ["SECURITY_RATE_LIMIT_REQUESTS_PER_SEC"],
    }),
    burst: key(integer({ min: 1, max: 10_000_000 }), {
      doc: "Requests that a caller may make at once after a pause.",
      usedBy: NODES,
      default: 50,
      profileDefaults: { staging: 25 },
      legacyEnv: ["SECURITY_RATE_LIMIT_BURST"],
    }),
    cleanup_interval: key(duration({ min: "1s", max: "24h" }), {
      doc: "How often callers that made no request for client_ttl are forgotten.",
      usedBy: NODES,
      default: "5m",
      profileDefaults: { production: "10m" },
      legacyEnv: ["SECURITY_RATE_LIMIT_CLEANUP_INTERVAL"],
    }),
    client_ttl: key(duration({ min: "1s", max: "576h" }), {
      doc: "How long an idle caller's count is kept.",
      usedBy: NODES,
      default: "30m",
      profileDefaults: { production: "1h" },
      legacyEnv: ["SECURITY_RATE_LIMIT_CLIENT_TTL"],
    }),
  },
};
