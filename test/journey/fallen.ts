/**
 * A node that has fallen: its guard is stopped, and whoever took the node seals what it likes with the
 * node's own keys, as the next packages of its lane.
 */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { labelsOf, parseKeyspec } from '@sallyport/hsm/keyspec.ts';
import { openHsm } from '@sallyport/hsm/open.ts';
import { homePaths } from '@sallyport/shared/config/home.ts';
import type { ErrorCode } from '@sallyport/shared/errors.ts';
import { zeroDigest } from '@sallyport/shared/exchange/lane.ts';
import type { MessageHeader } from '@sallyport/shared/exchange/message.ts';
import { newId } from '@sallyport/shared/ids.ts';
import type { PackageSigner } from '@sallyport/shared/package/cms-signed.ts';
import { encodeMessage } from '@sallyport/shared/package/message.ts';
import { type OpenedMessage, openPackage } from '@sallyport/shared/package/open.ts';
import { sealPackage } from '@sallyport/shared/package/seal.ts';
import { bytesSource } from '@sallyport/shared/package/source.ts';
import { type LaneName, laneKey, type Role } from '@sallyport/shared/ports.ts';
import { nameOf } from '@sallyport/shared/processes/guard/spool.ts';
import { openStore } from '@sallyport/shared/store/sqlite/open.ts';
import { until } from '../until.ts';
import type { Rig } from './rig.ts';

export interface Said {
  readonly header: MessageHeader;
  readonly body?: string | Uint8Array;
}

/** What a package says of itself besides what the next one of the lane would say. */
export interface Sealing {
  readonly lane?: Partial<LaneName>;
  readonly sequence?: number;
  readonly previous?: string;
  readonly packageId?: string;
  readonly createdAtMs?: number;
  readonly expiresAtMs?: number;
  readonly policyVersion?: number;
  /** DER certificate of the key that it is sealed for. */
  readonly recipient?: Buffer;
}

export interface SealedAs {
  readonly name: string;
  readonly bytes: Buffer;
  readonly digest: string;
}

export interface Fallen {
  /** Seals the messages into the next package of the lane and has it delivered. */
  send(...messages: Said[]): Promise<void>;
  /** As `send`, with what it says of itself changed. */
  sendAs(sealing: Sealing, ...messages: Said[]): Promise<SealedAs>;
  /** Seals a package, has it not delivered and leaves the lane where it is. */
  seal(sealing: Sealing, ...messages: Said[]): Promise<SealedAs>;
  deliver(sealed: Pick<SealedAs, 'name' | 'bytes'>): void;
  /** Last sequence that it used. */
  readonly head: number;
  /** What the peer has sent to this node since it fell and was not shown before. */
  received(): Promise<OpenedMessage[]>;
  /** Waits until the peer has recorded that it refused this message; says with which code. */
  refusal(id: string): Promise<ErrorCode | undefined>;
  readonly signer: PackageSigner;
}

const otherThan = (role: Role): Role => (role === 'outer' ? 'inner' : 'outer');

const laneFrom = (role: Role): LaneName => ({
  sender: `${role}-1`,
  receiver: `${otherThan(role)}-1`,
  channel: role === 'outer' ? 'import' : 'export',
  flowClass: 'interactive',
});

/** Stops the guard of `role` and takes its place. */
export async function fell(rig: Rig, role: Role): Promise<Fallen> {
  const other = otherThan(role);
  const paths = homePaths(rig[role].dir);
  const certificateOf = (side: Role, key: 'sign' | 'decrypt'): Buffer =>
    new X509Certificate(readFileSync(homePaths(rig[side].dir).certificate(key))).raw;
  await rig[role].stopGuard();
  const hsm = await openHsm({ kind: 'soft', file: paths.keystore, pinFile: paths.pin });
  const labels = labelsOf(parseKeyspec(readFileSync(paths.keyspec, 'utf8'), `${role}-1`));
  const signer: PackageSigner = {
    certificate: certificateOf(role, 'sign'),
    sign: (digest) => hsm.sign(labels.sign, digest),
  };
  const lane = laneKey(laneFrom(role));
  const store = openStore(paths.database);
  const left = store.outLanes().find((one) => one.lane === lane);
  store.close();
  let head = left?.head ?? 0;
  let headDigest = left?.headDigest ?? zeroDigest;
  const shown = new Set(rig.seen.keys());
  const nowMs = (): number => Date.now() + rig.clock.offsetMs;

  const open = (bytes: Buffer) =>
    openPackage(bytesSource(bytes), {
      trust: { nodeId: `${other}-1`, certificate: certificateOf(other, 'sign') },
      self: {
        nodeId: `${role}-1`,
        certificate: certificateOf(role, 'decrypt'),
        derive: (point) => hsm.derive(labels.decrypt, point),
      },
      lane: laneFrom(other),
      nowMs: nowMs(),
      check: () => {},
    });

  const seal: Fallen['seal'] = async (sealing, ...messages) => {
    const { recipient = certificateOf(other, 'decrypt'), lane: laneChanges, ...changes } = sealing;
    const createdAtMs = sealing.createdAtMs ?? nowMs();
    const manifest = {
      ...{ sequence: head + 1, previous: headDigest, packageId: newId(), policyVersion: 1 },
      ...{ createdAtMs, expiresAtMs: createdAtMs + 60_000 },
      ...changes,
      lane: { ...laneFrom(role), ...laneChanges },
    };
    const encoded = messages.map(({ header, body = '' }) =>
      encodeMessage({ header, body: Buffer.from(body) }),
    );
    const { bytes, digest } = await sealPackage({
      ...{ suite: 'intl-1', manifest, sender: signer },
      ...{ recipient: { certificate: recipient }, messages: encoded },
    });
    // A file name has twelve digits for the sequence, whatever the manifest says.
    const sequence = Math.min(manifest.sequence, 999_999_999_999);
    const name = nameOf({ lane, sequence, packageId: manifest.packageId });
    return { name, bytes, digest };
  };
  const deliver: Fallen['deliver'] = ({ name, bytes }) => rig.deliver(other, name, bytes);
  const sendAs: Fallen['sendAs'] = async (sealing, ...messages) => {
    const sealed = await seal(sealing, ...messages);
    head += 1;
    headDigest = sealed.digest;
    deliver(sealed);
    return sealed;
  };

  return {
    signer,
    sendAs,
    seal,
    deliver,
    get head() {
      return head;
    },
    async send(...messages) {
      await sendAs({}, ...messages);
    },
    async received() {
      const messages: OpenedMessage[] = [];
      for (const [name, bytes] of rig.seen) {
        if (shown.has(name) || !bytes.includes(`"sender":"${other}-1"`)) continue;
        shown.add(name);
        messages.push(...(await open(bytes)).messages);
      }
      return messages;
    },
    async refusal(id) {
      let code: ErrorCode | undefined;
      await until(async () => {
        const events = await rig[other].events();
        code = events.find((one) => one.exchangeId === id && one.event === 'refuse')?.code;
        return code !== undefined;
      });
      return code;
    },
  };
}
