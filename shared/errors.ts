/**
 * Every way to fail, in one closed table.
 *
 * `text` is all that may cross the boundary or reach a consumer; detail and `cause` stay local.
 * `status` is the HTTP status where the failure ends a call. `outcome` is what the audit log records:
 * `refused` (policy or input said no), `failed` (something of ours broke), `delayed` (will be retried).
 * docs/errors.md explains each row; a test keeps the two complete.
 */
export type Outcome = 'refused' | 'failed' | 'delayed';

interface ErrorRow {
  readonly status: number;
  readonly outcome: Outcome;
  readonly text: string;
}

const row = (status: number, outcome: Outcome, text: string): ErrorRow => ({
  status,
  outcome,
  text,
});

export const errorTable = {
  // edge: what a consumer can get wrong
  REQUEST_MALFORMED: row(400, 'refused', 'the request is malformed'),
  PATH_REFUSED: row(400, 'refused', 'the path is not in normal form'),
  REQUEST_TOO_LARGE: row(413, 'refused', 'the request is too large'),
  HEADERS_TOO_LARGE: row(431, 'refused', 'the request headers are too large'),
  REQUEST_TIMEOUT: row(408, 'refused', 'the request did not arrive in time'),
  CREDENTIAL_MISSING: row(401, 'refused', 'a credential is required'),
  CREDENTIAL_UNKNOWN: row(401, 'refused', 'the credential is not accepted'),
  CREDENTIAL_EXPIRED: row(401, 'refused', 'the credential is not accepted'),
  CREDENTIAL_TWICE: row(400, 'refused', 'one credential is expected'),
  SIGNATURE_REFUSED: row(401, 'refused', 'the signature is not accepted'),
  SIGNATURE_STALE: row(401, 'refused', 'the signature is too old or too early'),
  SIGNATURE_REPLAYED: row(401, 'refused', 'the signature was used before'),
  DIGEST_REFUSED: row(400, 'refused', 'the content does not fit its digest'),
  TOKEN_REFUSED: row(401, 'refused', 'the token is not accepted'),
  TOKEN_STALE: row(401, 'refused', 'the token is too old or too early'),
  ROUTE_UNKNOWN: row(404, 'refused', 'there is no such route'),
  METHOD_REFUSED: row(405, 'refused', 'the method is not allowed on this route'),
  GRANT_MISSING: row(403, 'refused', 'the consumer may not use this route'),
  GRANT_EXPIRED: row(403, 'refused', 'the consumer may not use this route'),
  GRANT_EARLY: row(403, 'refused', 'the consumer may not use this route'),
  DENIED: row(403, 'refused', 'the consumer may not use this route'),
  CONDITION_UNMET: row(403, 'refused', 'the consumer may not use this route now'),
  CONDITION_FAILED: row(403, 'refused', 'the consumer may not use this route now'),
  RATE_LIMITED: row(429, 'refused', 'the consumer has made too many calls'),
  CONTENT_TYPE_REFUSED: row(415, 'refused', 'the content type is not accepted'),
  CONTENT_REFUSED: row(400, 'refused', 'the content is not acceptable'),
  JSON_REFUSED: row(400, 'refused', 'the JSON text is not acceptable'),
  CSV_REFUSED: row(400, 'refused', 'the CSV text is not acceptable'),
  XML_REFUSED: row(400, 'refused', 'the XML text is not acceptable'),
  FORM_REFUSED: row(400, 'refused', 'the form is not acceptable'),
  TEXT_REFUSED: row(400, 'refused', 'a text in the content is not acceptable'),
  SCHEMA_REFUSED: row(422, 'refused', 'the content does not fit its schema'),
  FILE_TOO_LARGE: row(413, 'refused', 'the file is too large'),
  FILE_TYPE_REFUSED: row(415, 'refused', 'the type of the file is not accepted'),
  FILE_ENCRYPTED: row(422, 'refused', 'the file is encrypted'),
  FILE_ACTIVE: row(422, 'refused', 'the file holds active content'),
  ARCHIVE_REFUSED: row(422, 'refused', 'the archive is not acceptable'),
  SCAN_FOUND: row(422, 'refused', 'the content was found to be harmful'),
  SCAN_FAILED: row(503, 'failed', 'the content could not be examined'),
  CHECK_REFUSED: row(422, 'refused', 'the content breaks a rule'),
  IDEMPOTENCY_KEY_REUSED: row(422, 'refused', 'the idempotency key was used for another request'),
  EXCHANGE_UNKNOWN: row(404, 'refused', 'there is no such exchange'),
  POLICY_MISSING: row(503, 'refused', 'the gateway has no policy yet'),
  OVERLOADED: row(503, 'refused', 'the gateway is at its limit'),
  NOT_READY: row(503, 'failed', 'the gateway is not ready'),
  CLOCK_APART: row(503, 'delayed', 'the gateway is not ready'),
  // exchange
  DEADLINE_PASSED: row(504, 'failed', 'no answer came in time'),
  IN_DOUBT: row(502, 'failed', 'it is not known whether the request took effect'),
  PEER_REFUSED: row(502, 'refused', 'the other side refused the request'),
  // upstream, seen by the inner node
  UPSTREAM_UNREACHABLE: row(502, 'failed', 'the service cannot be reached'),
  UPSTREAM_TIMEOUT: row(504, 'failed', 'the service did not answer in time'),
  UPSTREAM_TOO_LARGE: row(502, 'refused', 'the answer of the service is not acceptable'),
  UPSTREAM_REFUSED: row(502, 'refused', 'the answer of the service is not acceptable'),
  TOKEN_UNKNOWN: row(404, 'refused', 'there is no such token'),
  RIGHT_MISSING: row(403, 'refused', 'the right is not granted'),
  RESPONSE_REFUSED: row(502, 'refused', 'the answer of the service is not acceptable'),
  // plug-ins
  PLUGIN_MISSING: row(503, 'delayed', 'the gateway is not ready'),
  PLUGIN_REFUSED: row(503, 'refused', 'the gateway is not ready'),
  PLUGIN_FAILED: row(503, 'failed', 'the gateway is not ready'),
  PLUGIN_ANSWER: row(503, 'failed', 'the gateway is not ready'),
  // package: refusals of the opener, in check order
  PACKAGE_TRUNCATED: row(502, 'refused', 'a package was refused'),
  PACKAGE_TOO_LARGE: row(502, 'refused', 'a package was refused'),
  PACKAGE_LAYOUT: row(502, 'refused', 'a package was refused'),
  PACKAGE_SENDER: row(502, 'refused', 'a package was refused'),
  PACKAGE_SIGNATURE: row(502, 'refused', 'a package was refused'),
  PACKAGE_MANIFEST: row(502, 'refused', 'a package was refused'),
  PACKAGE_SUITE: row(502, 'refused', 'a package was refused'),
  PACKAGE_RECEIVER: row(502, 'refused', 'a package was refused'),
  PACKAGE_LANE: row(502, 'refused', 'a package was refused'),
  PACKAGE_FROM_FUTURE: row(502, 'refused', 'a package was refused'),
  PACKAGE_EXPIRED: row(502, 'refused', 'a package was refused'),
  PACKAGE_KEYS: row(502, 'refused', 'a package was refused'),
  PACKAGE_SEGMENTS: row(502, 'refused', 'a package was refused'),
  PACKAGE_DECRYPT: row(502, 'refused', 'a package was refused'),
  PACKAGE_MESSAGE: row(502, 'refused', 'a package was refused'),
  // lane
  LANE_REPLAY: row(502, 'refused', 'a package was refused'),
  LANE_FORK: row(502, 'refused', 'a package was refused'),
  LANE_CHAIN: row(502, 'refused', 'a package was refused'),
  LANE_WINDOW: row(502, 'delayed', 'a package was refused'),
  MESSAGE_DUPLICATE: row(502, 'refused', 'a message was refused'),
  // policy authority
  POLICY_INVALID: row(422, 'refused', 'the policy is not valid'),
  POLICY_SIGNATURE: row(403, 'refused', 'the policy bundle was refused'),
  POLICY_VERSION: row(409, 'refused', 'the policy bundle was refused'),
  PLAN_UNKNOWN: row(404, 'refused', 'there is no such plan'),
  PLAN_STATE: row(409, 'refused', 'the plan is not in a state for this'),
  PLAN_STALE: row(409, 'refused', 'the plan was made for another policy'),
  PLAN_SELF_APPROVED: row(403, 'refused', 'the plan needs another person'),
  PLAN_NEEDED: row(403, 'refused', 'the policy changes by an approved plan alone'),
  POLICY_UNCONFIRMED: row(504, 'delayed', 'the other node has not confirmed the policy'),
  // keys
  HSM_MODULE: row(503, 'failed', 'the key store is not available'),
  HSM_TOKEN: row(503, 'failed', 'the key store is not available'),
  HSM_PIN: row(503, 'failed', 'the key store is not available'),
  HSM_PIN_FILE: row(503, 'failed', 'the key store is not available'),
  HSM_KEY: row(503, 'failed', 'the key store is not available'),
  HSM_LOST: row(503, 'delayed', 'the key store is not available'),
  KEYSPEC_INVALID: row(500, 'refused', 'the key specification is not valid'),
  KEYSTORE_DAMAGED: row(503, 'failed', 'the key store is not available'),
  CERTIFICATE_REFUSED: row(403, 'refused', 'a certificate was refused'),
  // pairing and home
  PEER_MISSING: row(503, 'refused', 'the node has no peer'),
  PEER_WRONG: row(403, 'refused', 'the peer was refused'),
  PEER_CHANGED: row(409, 'refused', 'the peer was refused'),
  PEER_UNCONFIRMED: row(403, 'refused', 'the peer was refused'),
  TRUST_FILE_INVALID: row(422, 'refused', 'the trust file is not valid'),
  CONFIG_INVALID: row(500, 'refused', 'the configuration is not valid'),
  HOME_EXISTS: row(409, 'refused', 'the directory already holds a node'),
  HOME_MISSING: row(404, 'refused', 'the directory holds no node'),
  HOME_IN_USE: row(409, 'refused', 'the node is already running'),
  NOT_CONFINED: row(500, 'refused', 'a process has rights that it must not have'),
  NODE_NOT_RUNNING: row(503, 'refused', 'the node is not running'),
  ADDRESS_IN_USE: row(500, 'failed', 'an address is already in use'),
  USAGE: row(400, 'refused', 'the command line is not valid'),
  // processes
  IPC_FRAME: row(500, 'refused', 'an internal message was refused'),
  IPC_LOST: row(503, 'delayed', 'the gateway is not ready'),
  IPC_TIMEOUT: row(503, 'failed', 'the gateway is not ready'),
  IPC_VERB: row(500, 'refused', 'an internal message was refused'),
  // channels
  CHANNEL_LOST: row(503, 'delayed', 'the channel is interrupted'),
  CHANNEL_PEER: row(403, 'refused', 'the peer was refused'),
  CHANNEL_FRAME: row(502, 'refused', 'a package was refused'),
  CHANNEL_FULL: row(503, 'delayed', 'the channel is full'),
  // store and audit
  STORE_FAILED: row(503, 'failed', 'the gateway cannot store'),
  STORE_FULL: row(503, 'failed', 'the gateway cannot store'),
  STORE_DAMAGED: row(503, 'failed', 'the gateway cannot store'),
  STORE_VERSION: row(503, 'refused', 'the gateway cannot store'),
  AUDIT_BROKEN: row(500, 'failed', 'the audit log is not intact'),
  INTERNAL: row(500, 'failed', 'the gateway failed'),
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof errorTable;

/** Narrows a string that came from outside (IPC, a peer's message) to a code of the table. */
export function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === 'string' && Object.hasOwn(errorTable, value);
}

/**
 * The only error that Sallyport throws on purpose.
 * `message` is local detail (never a value of a body, a key or a PIN); `hint` says what to do.
 */
export class SallyportError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  /** When to come again, where that is known. */
  readonly retryAfterMs: number | undefined;
  /** Name of the policy's rule that refused, where one did. */
  readonly rule: string | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    options: {
      hint?: string;
      cause?: unknown;
      retryAfterMs?: number | undefined;
      rule?: string;
    } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'SallyportError';
    this.code = code;
    this.hint = options.hint;
    this.retryAfterMs = options.retryAfterMs;
    this.rule = options.rule;
  }
}

/** Any thrown value as a coded error; what is not ours becomes INTERNAL with the original as cause. */
export function asSallyportError(thrown: unknown, code: ErrorCode = 'INTERNAL'): SallyportError {
  if (thrown instanceof SallyportError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new SallyportError(code, message, { cause: thrown });
}
