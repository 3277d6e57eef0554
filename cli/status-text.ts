/**
 * `sallyport status` for eyes. What a process did not say is shown as `?`, never as good.
 */

import { counted } from '@sallyport/shared/counted.ts';
import { fingerprintWords } from '@sallyport/shared/pairing/fingerprint.ts';
import type { NodeStatus, ProcessStatus } from '@sallyport/shared/processes/admin/status.ts';
import { bytesText, spanText, timeText } from './amounts.ts';
import { paint } from './print.ts';

type Told = Readonly<Record<string, unknown>>;

export function statusText(status: NodeStatus, nowMs: number): string {
  const told = (name: string): Told =>
    status.processes.find((one) => one.name === name)?.told ?? {};
  const guard = told('guard');
  const mover = told('mover');
  const [out, back] = status.role === 'outer' ? ['import', 'export'] : ['export', 'import'];
  const peer = status.peer?.node ?? '?';
  const lanes = record(guard.lanes);
  const sending = [
    channelLine(out, `${status.node} → ${peer}`, status.channel.send, record(mover.out), nowMs),
    ...list(lanes.out).map(sendingLane),
  ];
  const receiving = [
    channelLine(back, `${peer} → ${status.node}`, status.channel.receive, record(mover.in), nowMs),
    ...list(lanes.in).map(receivingLane),
  ];
  // The import channel stands first on both nodes, as in every picture.
  const channels =
    status.role === 'outer' ? [...sending, ...receiving] : [...receiving, ...sending];
  return [
    headline(status),
    peerLine(status),
    '',
    ...channels,
    '',
    row('policy', policyText(guard, peer, nowMs)),
    row('queues', queuesText(record(guard.queues))),
    row('audit', `block ${numberText(record(guard.audit).sequence)}`),
    row('disk', diskText(record(guard.disk))),
    row('keys', keysText(status, told('signer'))),
    row('expiry', expiryText(status, nowMs)),
    '',
    ...status.processes.map((one, i) => processLine(one, i === 0, nowMs)),
    ...pluginLines(list(told('plugins').plugins), nowMs),
  ].join('\n');
}

function headline({ node, role, ready, reasons }: NodeStatus): string {
  const missing = Object.entries(ready).flatMap(([name, holds]) => {
    const why = reasons[name as keyof typeof ready];
    return holds ? [] : [why === undefined ? name : `${name} (${why})`];
  });
  const state =
    missing.length === 0
      ? paint('green', '● ready')
      : paint('red', `● not ready: ${missing.join(', ')}`);
  return `${paint('bold', node)}  ${role} node  ${state}`;
}

/** Six of the 24 words say which peer it is to who knows it; `pair show` has them all. */
function peerLine({ peer }: NodeStatus): string {
  if (!peer) return row('peer', bad('none'));
  const words = fingerprintWords(peer.fingerprint).english.slice(0, 6).join(' ');
  return row('peer', `${peer.node} (${peer.role})  ${paint('dim', `${words} …`)}`);
}

function channelLine(
  channel: string,
  way: string,
  end: NodeStatus['channel']['send' | 'receive'],
  state: Told,
  nowMs: number,
): string {
  const place = end.kind === 'link' ? `link ${end.host}:${end.port}` : `directory ${end.dir}`;
  const up = state.state === 'up' ? paint('green', 'up') : bad(String(state.state ?? '?'));
  const last = typeof state.lastMs === 'number' ? `last ${spanText(nowMs - state.lastMs)} ago` : '';
  const carried = `${countText(state.packages, 'package')}  ${bytesText(state.bytes)}`;
  const detail = state.state === 'up' ? '' : String(state.detail ?? '');
  return row(channel, [way, place, up, carried, last, detail].filter(Boolean).join('  '));
}

function sendingLane(lane: Told): string {
  const head = lane.head;
  const { acknowledged, inFlight } = lane;
  const open =
    typeof inFlight === 'number'
      ? inFlight
      : typeof head === 'number' && typeof acknowledged === 'number'
        ? head - acknowledged
        : undefined;
  const waiting = open === 0 ? 'all acknowledged' : `${numberText(open)} unacknowledged`;
  return row('', `${laneClass(lane)}  sequence ${numberText(head)}  ${waiting}`);
}

function receivingLane(lane: Told): string {
  const { contiguous, head } = lane;
  const beyond = Array.isArray(lane.beyond) ? lane.beyond.length : 0;
  const known = typeof head === 'number' && typeof contiguous === 'number';
  const missing = known ? head - contiguous - beyond : beyond > 0 ? undefined : 0;
  const gap = missing === 0 ? 'no gap' : paint('yellow', `gap: ${numberText(missing)} missing`);
  return row('', `${laneClass(lane)}  sequence ${numberText(contiguous)}  ${gap}`);
}

/** The last part of `sender/receiver/channel/class`. */
function laneClass(lane: Told): string {
  return (
    String(lane.lane ?? '?')
      .split('/')
      .at(-1)
      ?.padEnd(11) ?? '?'
  );
}

function policyText(guard: Told, peer: string, nowMs: number): string {
  const { version, appliedAtMs, peerVersion, unmasked } = record(guard.policy);
  if (version === undefined) return bad(guard.policy === null ? 'none' : '?');
  const since = typeof appliedAtMs === 'number' ? `, ${spanText(nowMs - appliedAtMs)} ago` : '';
  const apart = peerVersion === version ? (text: string) => text : bad;
  const other =
    typeof peerVersion === 'number' ? apart(`${peer} obeys version ${peerVersion}`) : '';
  const open =
    typeof unmasked === 'number' && unmasked > 0
      ? bad(`${counted(unmasked, 'field')} UNMASKED`)
      : '';
  return [`version ${String(version)}${since}`, other, open].filter(Boolean).join('  ');
}

function queuesText(queues: Told): string {
  const parts = Object.entries(queues).map(([name, count]) => `${name} ${numberText(count)}`);
  return parts.length === 0 ? bad('?') : parts.join('  ');
}

function diskText({ freeBytes, sizeBytes, low }: Told): string {
  const text = `${bytesText(freeBytes)} free of ${bytesText(sizeBytes)}`;
  return low === true ? bad(`${text}: will be full`) : text;
}

function keysText({ hsm }: NodeStatus, signer: Told): string {
  const kind = hsm === 'soft' ? paint('yellow', 'soft keystore, no HSM') : 'PKCS#11 token';
  const state = signer.ok === true ? paint('green', 'signs') : bad('does not sign');
  const error = typeof signer.lastError === 'string' && signer.ok !== true ? signer.lastError : '';
  return [kind, state, error].filter(Boolean).join('  ');
}

function expiryText({ certificates }: NodeStatus, nowMs: number): string {
  const soonMs = 60 * 24 * 3_600_000;
  const parts = certificates.map(({ name, notAfterMs }) => {
    const text = `${name} ${timeText(notAfterMs).slice(0, 10)}`;
    return notAfterMs - nowMs < soonMs ? bad(text) : text;
  });
  return parts.length === 0 ? bad('?') : parts.join('  ');
}

function processLine(one: ProcessStatus, first: boolean, nowMs: number): string {
  const { name, state, pid, sinceMs, memoryBytes, restarts } = one;
  const answers = one.told !== undefined;
  const mood = answers ? paint('green', '●') : bad('●');
  const span = sinceMs === undefined ? '?' : spanText(nowMs - sinceMs);
  const parts = [
    `${mood} ${name.padEnd(8)}${(answers ? (state ?? 'answers') : 'silent').padEnd(9)}`,
    `pid ${numberText(pid).padEnd(8)}`,
    `for ${span.padEnd(8)}`,
    bytesText(memoryBytes).padStart(9),
    restarts === undefined || restarts === 0 ? '' : paint('yellow', counted(restarts, 'restart')),
  ];
  return row(first ? 'processes' : '', parts.join('  ').trimEnd());
}

function pluginLines(plugins: readonly Told[], nowMs: number): string[] {
  return plugins.map(({ digest, name, kind, state, calls, refusals, timeouts, lastFault }, i) => {
    const { code, atMs } = record(lastFault);
    const counts = `calls ${numberText(calls)}  refusals ${numberText(refusals)}`;
    const ago = typeof atMs === 'number' ? ` ${spanText(nowMs - atMs)} ago` : '';
    const parts = [
      ...[String(name ?? '?'), String(kind ?? '?')],
      state === 'running' || state === 'idle' ? state : bad(String(state ?? '?')),
      ...[String(digest ?? '?').slice(0, 12), counts, `timeouts ${numberText(timeouts)}`],
      code === undefined ? '' : bad(`last ${String(code)}${ago}`),
    ];
    return row(i === 0 ? 'plug-ins' : '', parts.filter(Boolean).join('  '));
  });
}

const row = (title: string, text: string): string => `${paint('dim', title.padEnd(10))} ${text}`;
const bad = (text: string): string => paint('red', text);
const numberText = (value: unknown): string => (typeof value === 'number' ? String(value) : '?');
const countText = (value: unknown, one: string): string =>
  typeof value === 'number' ? counted(value, one) : `? ${one}s`;

function record(value: unknown): Told {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Told)
    : {};
}

function list(value: unknown): Told[] {
  return Array.isArray(value) ? value.map(record) : [];
}
