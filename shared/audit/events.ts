/**
 * The closed catalogue of what a node records about itself: one name, one meaning.
 * docs/spec/audit.md says which fields go with which; the log refuses any other name.
 */
export const auditEvents = {
  // the life of a node
  start: 'the guard started',
  stop: 'the guard stopped in good order',
  'key-lost': 'the key store stopped signing',
  'key-back': 'the key store signs again',
  'channel-up': 'a channel reached its far end',
  'channel-down': 'a channel was interrupted',
  'clock-set': 'the clock of this machine was set, forward or back',
  'clock-apart': 'the clocks of the two nodes differ by more than they may',
  'clock-together': 'the clocks of the two nodes agree again',
  checkpoint: 'the audit key signed the head of the chain',
  // a call's journey, in its order
  accept: 'a call was recognised, allowed and found acceptable where it came in',
  examine: 'a file in a body was looked into and scanned',
  decide: 'a request from outside was allowed and found acceptable again',
  seal: 'messages were sealed into a package',
  send: 'a package was handed to its channel',
  collect: 'a package came from its channel',
  open: 'a package was verified and opened',
  call: 'an upstream was called and answered',
  mask: 'an answer was masked before it was sealed',
  detect: 'personal data was found where no rule of the policy expects it',
  plugin: 'a plug-in was missing, failed, or gave what it may not',
  release: 'an answer was released to its consumer',
  deliver: 'a consumer was given the answer',
  // what lanes do
  receipt: 'the peer confirmed packages',
  resend: 'a package was handed to its channel again',
  duplicate: 'a package or message that had come before was set aside',
  gap: 'packages are missing',
  // how it ends otherwise
  refuse: 'a call, message or package was refused; the code says why',
  expire: 'an exchange ended without an answer in time',
  'in-doubt': 'it is not known whether a request took effect',
  // policy
  'policy-apply': 'a policy bundle came into force',
  'policy-plan': 'somebody proposed a policy',
  'policy-approve': 'another person approved a plan for the policy',
  'policy-withdraw': 'a plan for the policy was withdrawn, or would change nothing any more',
  'token-reverse': 'an operator turned a token back into its value',
  'mask-records': 'an operator had records of a file masked',
} as const satisfies Record<string, string>;

export type AuditEventName = keyof typeof auditEvents;

/** Narrows a name that came from a caller or from a stored line. */
export function isAuditEventName(value: unknown): value is AuditEventName {
  return typeof value === 'string' && Object.hasOwn(auditEvents, value);
}
