/**
 * Makes the vectors: `node test/vectors/package/generate.ts`. Keys and certificates in parties/
 * stay as they are. Content keys, salts and signatures are random, so every run gives other bytes
 * of the same meaning.
 */
import { createHash } from 'node:crypto';
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readCertificate } from '@sallyport/shared/package/certificate.ts';
import {
  openKey,
  sealKey,
  sealSegment,
  segmentContent,
} from '@sallyport/shared/package/cms-enveloped.ts';
import { signData } from '@sallyport/shared/package/cms-signed.ts';
import { derAt, derHead, integer, sequence } from '@sallyport/shared/package/der.ts';
import { messageLeaf } from '@sallyport/shared/package/frame.ts';
import { encodeManifest, type Manifest } from '@sallyport/shared/package/manifest.ts';
import { leafHash, treeRoot } from '@sallyport/shared/package/merkle.ts';
import type { EncodedMessage } from '@sallyport/shared/package/message.ts';
import { segmentAt, segmentKek } from '@sallyport/shared/package/segments.ts';
import { suites } from '@sallyport/shared/package/suites.ts';
import { archiveEnd, entryHead, padding } from '@sallyport/shared/package/tar.ts';
import {
  nowMs,
  receiver,
  requestMessage,
  seal,
  sealOptions,
  sender,
} from '../../package/parties.ts';
import { stranger } from '../../package/parties.ts';

const suite = suites['intl-1'];
const order = suite.signature.order;
const here = import.meta.dirname;
const zero = '0'.repeat(64);
type Headers = Readonly<Record<string, string>>;

function write(name: string, expect: string, comment: string, bytes: Buffer, more: Headers = {}) {
  const headers = { expect, comment, 'now-ms': String(nowMs + 1000), ...more };
  const lines = Object.entries(headers).map(([key, value]) => `${key}: ${value}\n`);
  writeFileSync(
    join(here, `${name}.vector`),
    Buffer.concat([Buffer.from(`${lines.join('')}\n`), bytes]),
  );
}

/** A package in its parts, to be changed and put together again. */
interface Parts {
  manifest: Manifest;
  keys: Buffer;
  segments: Buffer[];
  kek: Buffer;
}

type Changes = Parameters<typeof seal>[1];

async function parts(messages: EncodedMessage[], changes: Changes = {}): Promise<Parts> {
  const { bytes, manifest, manifestFile } = await seal(messages, changes);
  const skip = (size: number): number => 512 + size + padding(size).length;
  let at = skip(manifestFile.length);
  const next = (): Buffer => {
    const size = Number.parseInt(bytes.toString('latin1', at + 124, at + 135), 8);
    const content = bytes.subarray(at + 512, at + 512 + size);
    at += skip(size);
    return content;
  };
  const keys = next();
  const segments = Array.from({ length: manifest.segmentCount }, next);
  const self = readCertificate(receiver.certificate, suite);
  return { manifest, keys, segments, kek: await openKey(keys, self, receiver.derive, suite) };
}

type Entry = readonly [head: Buffer, content: Buffer];
const entry = (name: string, content: Buffer): Entry => [entryHead(name, content.length), content];
const segmentName = (index: number): string => `seg/${String(index).padStart(8, '0')}.p7m`;

function archive(entries: readonly Entry[]): Buffer {
  const all = entries.flatMap(([head, content]) => [head, content, padding(content.length)]);
  return Buffer.concat([...all, archiveEnd]);
}

function entriesOf(manifestFile: Buffer, { keys, segments }: Parts): Entry[] {
  return [
    entry('manifest.p7m', manifestFile),
    entry('keys.p7m', keys),
    ...segments.map((content, index) => entry(segmentName(index), content)),
  ];
}

/** Signs the manifest as it is, true or not. */
async function signed(of: Parts, manifest: object = of.manifest): Promise<Buffer> {
  return signedText(of, encodeManifest(manifest as Manifest));
}

async function signedText(of: Parts, text: Buffer, signer = sender): Promise<Buffer> {
  return archive(entriesOf(await signData(text, signer), of));
}

/** Signs a manifest that fits the changed keys and segments: what a sender gone bad could send. */
async function resigned(of: Parts, changes: Partial<Manifest> = {}): Promise<Buffer> {
  return signed(of, {
    ...of.manifest,
    keysDigest: createHash('sha256').update(of.keys).digest('hex'),
    segmentRoot: rootOf(of.segments),
    segmentCount: of.segments.length,
    ...changes,
  });
}

const rootOf = (segments: readonly Buffer[]): string =>
  treeRoot(
    'sha256',
    segments.map((one) => leafHash('sha256', one)),
  ).toString('hex');

/** A sound package around any plaintext. */
async function around(plain: Buffer, leaves: Buffer[], changes: Partial<Manifest> = {}) {
  const of = await parts([requestMessage(0)]);
  const manifest = { ...of.manifest, contentBytes: plain.length, messageCount: leaves.length };
  const { id, fileBytes } = segmentAt(manifest, 0, suite);
  const file = Buffer.alloc(fileBytes);
  plain.copy(segmentContent(file, plain.length, suite));
  sealSegment(file, plain.length, segmentKek(of.kek, id, suite), id, suite);
  const messageRoot = treeRoot('sha256', leaves).toString('hex');
  return resigned({ ...of, manifest, segments: [file] }, { messageRoot, ...changes });
}

const salt = Buffer.alloc(16, 0x5a);
const frameOf = ({ head, body }: EncodedMessage): Buffer => Buffer.concat([salt, head, body]);
const leafOf = ({ digest }: EncodedMessage): Buffer => messageLeaf(salt, digest, suite);

function flipped(bytes: Buffer, at: number, bit = 1): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ bit;
  return copy;
}

async function good(): Promise<void> {
  const write1 = async (
    name: string,
    comment: string,
    messages: EncodedMessage[],
    changes: Changes = {},
  ) => {
    const { bytes } = await seal(messages, changes);
    const digests = messages.map(({ digest }) => Buffer.from(digest, 'hex'));
    const digest = createHash('sha256').update(Buffer.concat(digests)).digest('hex');
    // The same random KEK that the file carries.
    const kek = (await partsOf(bytes)).toString('hex');
    write(name, 'ok', comment, bytes, {
      messages: `${messages.length} ${digest}`,
      'package-kek': kek,
    });
  };
  for (const bodyBytes of [0, 1]) {
    await write1(`ok-body-${bodyBytes}`, `one message, body of ${bodyBytes} bytes`, [
      requestMessage(bodyBytes),
    ]);
  }
  for (const count of [2, 3, 1000]) {
    const messages = Array.from({ length: count }, (_, index) => requestMessage(index % 7, index));
    await write1(`ok-messages-${count}`, `${count} messages`, messages);
  }
  const headBytes = requestMessage(0).head.length + 16;
  for (const [name, plain] of [
    ['minus-1', 1023],
    ['exact', 1024],
    ['plus-1', 1025],
  ] as const) {
    const messages = [requestMessage(plain - headBytes)];
    await write1(`ok-segment-${name}`, `${plain} bytes in segments of 1024`, messages, {
      segmentBytes: 1024,
    });
  }
  const many = Array.from({ length: 9 }, (_, index) => requestMessage(500 * index, index));
  await write1('ok-across-segments', 'messages that lie across segments', many, {
    segmentBytes: 1024,
  });
}

async function partsOf(bytes: Buffer): Promise<Buffer> {
  const size = (at: number): number =>
    Number.parseInt(bytes.toString('latin1', at + 124, at + 135), 8);
  const keysAt = 512 + size(0) + padding(size(0)).length;
  const keys = bytes.subarray(keysAt + 512, keysAt + 512 + size(keysAt));
  return openKey(keys, readCertificate(receiver.certificate, suite), receiver.derive, suite);
}

async function badArchive(of: Parts, whole: Buffer): Promise<void> {
  const size = Number.parseInt(whole.toString('latin1', 124, 135), 8);
  const manifestFile = whole.subarray(512, 512 + size);
  const entries = entriesOf(manifestFile, of);
  const truncated = (name: string, bytes: number): void =>
    write(
      `truncated-${name}`,
      'PACKAGE_TRUNCATED',
      `cut after ${bytes} bytes`,
      whole.subarray(0, bytes),
    );
  truncated('empty', 0);
  truncated('in-first-header', 511);
  truncated('in-manifest', 1000);
  truncated('after-manifest', 512 + manifestFile.length + padding(manifestFile.length).length);
  truncated('in-segment', whole.length - 1400);
  truncated('no-end', whole.length - 1024);
  truncated('last-byte', whole.length - 1);

  const layout = (name: string, comment: string, bytes: Buffer): void =>
    write(`layout-${name}`, 'PACKAGE_LAYOUT', comment, bytes);
  layout('trailing-byte', 'one zero byte after the end', Buffer.concat([whole, Buffer.alloc(1)]));
  layout(
    'trailing-blocks',
    'padded to 10240 bytes as tar does',
    Buffer.concat([whole, Buffer.alloc(512 * 7)]),
  );
  layout('end-not-zero', 'a bit set in the end blocks', flipped(whole, whole.length - 1));
  layout(
    'padding-not-zero',
    'a bit set after the manifest',
    flipped(whole, 512 + manifestFile.length),
  );
  const extra = entry('note.txt', Buffer.from('hello'));
  layout('extra-entry', 'one more entry after the segments', archive([...entries, extra]));
  layout('extra-first', 'one more entry before the manifest', archive([extra, ...entries]));
  layout(
    'extra-between',
    'one more entry after the manifest',
    archive(entries.toSpliced(1, 0, extra)),
  );
  const [m, k, ...s] = entries as [Entry, Entry, ...Entry[]];
  layout('keys-first', 'keys before the manifest', archive([k, m, ...s]));
  layout('keys-missing', 'no keys entry', archive([m, ...s]));
  layout('keys-twice', 'two keys entries', archive([m, k, k, ...s]));
  const renamed = (name: string): Buffer =>
    archive([m, [entryHead(name, k[1].length), k[1]], ...s]);
  layout('absolute-path', 'an absolute path', renamed('/keys.p7m'));
  layout('parent-path', 'a path with ..', renamed('../keys.p7m'));
  layout('dot-path', 'a path with ./', renamed('./keys.p7m'));
  const field = (name: string, comment: string, at: number, text: string): void => {
    const head = Buffer.from(k[0]);
    head.write(text, at, 'latin1');
    head.write('        ', 148, 'latin1');
    const sum = head.reduce((total, byte) => total + byte, 0);
    head.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
    layout(name, comment, archive([m, [head, k[1]], ...s]));
  };
  field('symlink', 'a symbolic link', 156, '2');
  field('symlink-target', 'a symbolic link with a target', 156, '2/etc/passwd');
  field('hardlink', 'a hard link', 156, '1');
  field('directory', 'a directory', 156, '5');
  field('device', 'a character device', 156, '3');
  field('pax-header', 'a pax extended header', 156, 'x');
  field('gnu-longname', 'a GNU long name', 156, 'L');
  field('old-regular', 'the old type byte of a regular file', 156, '\0');
  field('mode', 'another mode', 100, '0004755');
  field('owner', 'another owner', 108, '0001750');
  field('time', 'a modification time', 136, '14514104345');
  field('user-name', 'a user name', 265, 'root');
  field('prefix', 'a name prefix', 345, '/tmp');
  field('gnu-magic', 'the magic of GNU tar', 257, 'ustar  \0');
  field('base256-size', 'a size in base 256', 124, `\x80${'\0'.repeat(9)}\x01\x54`);
  layout('checksum', 'a wrong checksum', flipped(whole, 150));
  write(
    'manifest-too-large',
    'PACKAGE_TOO_LARGE',
    'a manifest entry of 16385 bytes',
    archive([entry('manifest.p7m', Buffer.alloc(16385)), ...entries.slice(1)]),
  );
}

async function badSignature(of: Parts): Promise<void> {
  const text = encodeManifest(of.manifest);
  const file = await signData(text, sender);
  const signature = (
    name: string,
    comment: string,
    changed: Buffer,
    code = 'PACKAGE_SIGNATURE',
  ): void => write(`signature-${name}`, code, comment, archive(entriesOf(changed, of)));
  const place = (part: Buffer): number => file.indexOf(part);
  const content = derAt(file, 0, 1, 0, 2, 1, 0).content;
  const certificate = derAt(file, 0, 1, 0, 3).content;
  const attributes = derAt(file, 0, 1, 0, 4, 0, 3).content;
  const value = derAt(file, 0, 1, 0, 4, 0, 5).content;
  signature('content-bit', 'a bit of the manifest flipped', flipped(file, place(content) + 40));
  signature(
    'attribute-bit',
    'a bit of the message digest flipped',
    flipped(file, place(attributes) + 60),
  );
  signature('value-bit', 'a bit of the signature flipped', flipped(file, place(value) + 20));
  signature('oid-bit', 'a bit of the content type flipped', flipped(file, 8));
  const certificateBit = flipped(file, place(certificate) + 100);
  signature(
    'certificate-bit',
    'a bit of the certificate flipped',
    certificateBit,
    'PACKAGE_SENDER',
  );
  signature(
    'stranger',
    'signed by another node of the same CA',
    await signData(text, stranger),
    'PACKAGE_SENDER',
  );
  const forged = { certificate: sender.certificate, sign: stranger.sign };
  signature(
    'stolen-certificate',
    "another key's signature, the sender's certificate",
    await signData(text, forged),
  );
  const raw = [0, 1].map((index) => derAt(value, 0, index).content) as [Buffer, Buffer];
  const high = order - BigInt(`0x${raw[1].toString('hex')}`);
  const highS = sequence(
    integer(raw[0]),
    integer(Buffer.from(high.toString(16).padStart(64, '0'), 'hex')),
  );
  signature('high-s', 'the other s that verifies', replaceSignature(file, highS));
  const ber = Buffer.concat([Buffer.from([0x30, 0x80]), derAt(file, 0).content, Buffer.alloc(2)]);
  signature('ber-indefinite', 'indefinite length (BER)', ber);
  const whole = derAt(file, 0).content;
  const long = Buffer.concat([
    Buffer.from([0x30, 0x83, 0, whole.length >> 8, whole.length & 255]),
    whole,
  ]);
  signature('ber-long-length', 'a length in more bytes than needed', long);
  signature('trailing', 'a byte after the object', Buffer.concat([file, Buffer.alloc(1)]));
  const padded = sequence(
    Buffer.concat([Buffer.from([2, raw[0].length + 1, 0]), raw[0]]),
    integer(raw[1]),
  );
  signature('padded-r', 'r with a leading zero byte too much', replaceSignature(file, padded));
  signature('two-signers', 'the signer info twice', twice(file));
  signature('empty', 'an empty object', Buffer.from([0x30, 0]));
  signature('garbage', 'no DER at all', Buffer.from('manifest'));
}

/** The signed data with another signature value and lengths that fit. */
function replaceSignature(file: Buffer, value: Buffer): Buffer {
  const info = derAt(file, 0, 1, 0, 4, 0).content;
  const kept = info.subarray(0, info.length - derAt(file, 0, 1, 0, 4, 0, 5).whole.length);
  const fresh = sequence(kept, Buffer.concat([derHead(4, value.length), value]));
  return withSigners(file, fresh);
}

function twice(file: Buffer): Buffer {
  const info = derAt(file, 0, 1, 0, 4, 0).whole;
  return withSigners(file, Buffer.concat([info, info]));
}

function withSigners(file: Buffer, infos: Buffer): Buffer {
  const body = derAt(file, 0, 1, 0).content;
  const kept = body.subarray(0, body.length - derAt(file, 0, 1, 0, 4).whole.length);
  const data = sequence(kept, derHead(0x31, infos.length), infos);
  return sequence(derAt(file, 0, 0).whole, derHead(0xa0, data.length), data);
}

async function badManifest(of: Parts): Promise<void> {
  const canonical = encodeManifest(of.manifest).toString();
  const text = async (name: string, comment: string, changed: string | Buffer) =>
    write(
      `manifest-${name}`,
      'PACKAGE_MANIFEST',
      comment,
      await signedText(of, Buffer.from(changed)),
    );
  await text(
    'duplicate-key',
    'sequence twice, the same',
    canonical.replace('"sequence"', '"sequence":1,"sequence"'),
  );
  await text(
    'duplicate-key-nested',
    'lane.sender twice',
    canonical.replace('"sender":', '"sender":"x-1","sender":'),
  );
  await text(
    'duplicate-key-escaped',
    'the second time as an escape',
    canonical.replace('"sequence"', '"\\u0073equence":1,"sequence"'),
  );
  await text('white-space', 'a space after a comma', canonical.replace(',', ', '));
  await text('line-end', 'a line end at the end', `${canonical}\n`);
  await text('byte-order-mark', 'a byte order mark', `\ufeff${canonical}`);
  await text(
    'escape',
    'an escape that is not needed',
    canonical.replace('outer-1', '\\u006futer-1'),
  );
  await text('slash-escape', 'an escaped slash', canonical.replace('sallyport/', 'sallyport\\/'));
  await text(
    'order',
    'members in another order',
    JSON.stringify(Object.fromEntries(Object.entries(of.manifest).reverse())),
  );
  await text('number-fraction', '1.0 for 1', canonical.replace('"sequence":1', '"sequence":1.0'));
  await text('number-exponent', '1e0 for 1', canonical.replace('"sequence":1', '"sequence":1e0'));
  await text(
    'number-unsafe',
    '2^53 + 1',
    canonical.replace('"sequence":1', '"sequence":9007199254740993'),
  );
  await text(
    'bad-utf8',
    'a byte that is no UTF-8',
    Buffer.from(canonical.replace('outer-1', 'outer-\xff'), 'latin1'),
  );
  await text('empty', 'no text', '');
  await text('not-json', 'no JSON', canonical.slice(0, -1));
  await text('array', 'an array', `[${canonical}]`);
  await text('null', 'null', 'null');
  const member = async (name: string, comment: string, changes: object) =>
    write(
      `manifest-${name}`,
      'PACKAGE_MANIFEST',
      comment,
      await signed(of, { ...of.manifest, ...changes }),
    );
  await member('unknown-member', 'a member too much', { note: 'x' });
  await member('proto-member', 'a member __proto__', JSON.parse('{"__proto__":{}}'));
  await member('missing-member', 'no policy version', { policyVersion: undefined });
  await member('wrong-type', 'a number as text', { sequence: '1' });
  await member('format', 'another version', { format: 'sallyport/package/v2' });
  await member('sequence-zero', 'sequence 0', { sequence: 0 });
  await member('package-id', 'a UUID of version 4', {
    packageId: '3f2504e04f8941d39a0c0305e82c3301',
  });
  await member('digest-upper-case', 'a digest in upper case', { previous: 'A'.repeat(64) });
  await member('lane-unknown-member', 'a member too much in lane', {
    lane: { ...of.manifest.lane, note: 'x' },
  });
  await member('lane-channel', 'an unknown channel', {
    lane: { ...of.manifest.lane, channel: 'both' },
  });
  await member('segment-count', 'a count that does not fit the content', { segmentCount: 2 });
  await member('segment-size', 'segments above 8 MiB', { segmentBytes: 8388609 });
  await member('no-messages', 'no message', { messageCount: 0 });
  await member('too-many-messages', '4097 messages', { messageCount: 4097 });
  await member('expiry', 'expires when it is made', { expiresAtMs: of.manifest.createdAtMs });

  const bound = async (name: string, code: string, comment: string, changes: object) =>
    write(name, code, comment, await signed(of, { ...of.manifest, ...changes }));
  const { lane, senderKeyId, receiverKeyId } = of.manifest;
  await bound('suite-unknown', 'PACKAGE_SUITE', 'an unknown suite', { suite: 'none-1' });
  await bound('suite-prototype', 'PACKAGE_SUITE', 'a name that every object has', {
    suite: 'constructor',
  });
  await bound('sender-node', 'PACKAGE_SENDER', 'another node id', {
    lane: { ...lane, sender: 'outer-2' },
  });
  await bound('sender-key', 'PACKAGE_SENDER', 'another key id', { senderKeyId: receiverKeyId });
  await bound('receiver-node', 'PACKAGE_RECEIVER', 'another node id', {
    lane: { ...lane, receiver: 'inner-2' },
  });
  await bound('receiver-key', 'PACKAGE_RECEIVER', 'another key id', { receiverKeyId: senderKeyId });
  await bound('lane-channel', 'PACKAGE_LANE', 'the other channel', {
    lane: { ...lane, channel: 'export' },
  });
  await bound('lane-class', 'PACKAGE_LANE', 'the other class', {
    lane: { ...lane, flowClass: 'bulk' },
  });
}

async function badTime(of: Parts, whole: Buffer): Promise<void> {
  const { createdAtMs, expiresAtMs } = of.manifest;
  const at = (
    name: string,
    expect: string,
    comment: string,
    ms: number,
    more: Headers = {},
  ): void => write(name, expect, comment, whole, { ...more, 'now-ms': String(ms) });
  at('time-expired', 'PACKAGE_EXPIRED', '1 ms after the expiry', expiresAtMs + 1);
  at(
    'time-future',
    'PACKAGE_FROM_FUTURE',
    '5 minutes and 1 ms before its creation',
    createdAtMs - 300_001,
  );
  const { manifestFile } = await seal([requestMessage(0)]);
  const digest = createHash('sha256').update(manifestFile).digest('hex');
  const other = { received: `1 ${digest} ${zero}` };
  at('lane-fork', 'LANE_FORK', 'its sequence was accepted with another digest', createdAtMs, other);
  const size = Number.parseInt(whole.toString('latin1', 124, 135), 8);
  const own = createHash('sha256')
    .update(whole.subarray(512, 512 + size))
    .digest('hex');
  at('lane-replay', 'LANE_REPLAY', 'the same package was accepted', createdAtMs, {
    received: `1 ${own} ${zero}`,
  });
}

async function badKeys(of: Parts): Promise<void> {
  const { keys, kek } = of;
  const bytes = async (name: string, code: string, comment: string, changed: Buffer) =>
    write(`keys-${name}`, code, comment, await resigned({ ...of, keys: changed }));
  write(
    'keys-bit',
    'PACKAGE_KEYS',
    'a bit flipped on the way',
    await signed({ ...of, keys: flipped(keys, 150) }),
  );
  const strangerKeys = sealKey(kek, readCertificate(stranger.certificate, suite), suite);
  await bytes(
    'other-recipient',
    'PACKAGE_KEYS',
    'signed, but for another certificate',
    strangerKeys,
  );
  const point = derAt(keys, 0, 1, 0, 1, 0, 1, 0, 1).content.subarray(1);
  await bytes(
    'off-curve',
    'PACKAGE_KEYS',
    'signed, with a point off the curve',
    flipped(keys, keys.indexOf(point) + 40),
  );
  const wrapped = derAt(keys, 0, 1, 0, 1, 0, 3, 0, 1).content;
  await bytes(
    'wrapped-bit',
    'PACKAGE_DECRYPT',
    'signed, with a bit of the wrapped key flipped',
    flipped(keys, keys.indexOf(wrapped)),
  );
  await bytes(
    'tag-bit',
    'PACKAGE_DECRYPT',
    'signed, with a bit of the tag flipped',
    flipped(keys, keys.length - 1),
  );
  await bytes(
    'trailing',
    'PACKAGE_KEYS',
    'signed, with a byte after the object',
    Buffer.concat([keys, Buffer.alloc(1)]),
  );
  const self = readCertificate(receiver.certificate, suite);
  await bytes(
    'short',
    'PACKAGE_KEYS',
    'signed, with a KEK of 16 bytes',
    sealKey(kek.subarray(0, 16), self, suite),
  );
  await bytes(
    'other-kek',
    'PACKAGE_DECRYPT',
    'signed, with another package KEK',
    sealKey(Buffer.alloc(32), self, suite),
  );
}

async function badSegments(): Promise<void> {
  const messages = Array.from({ length: 5 }, (_, index) => requestMessage(400, index));
  const of = await parts(messages, { segmentBytes: 1024 });
  const [a, b, c] = of.segments as [Buffer, Buffer, Buffer];
  const on = async (name: string, expect: string, comment: string, segments: Buffer[]) =>
    write(`segments-${name}`, expect, comment, await signed({ ...of, segments }));
  await on('swapped', 'PACKAGE_SEGMENTS', 'two segments swapped on the way', [b, a, c]);
  await on('duplicated', 'PACKAGE_SEGMENTS', 'the first again in place of the second', [a, a, c]);
  await on('dropped-first', 'PACKAGE_TRUNCATED', 'the first left out', [b, c]);
  await on('dropped-last', 'PACKAGE_TRUNCATED', 'the last left out', [a, b]);
  await on('one-more', 'PACKAGE_LAYOUT', 'the last twice', [a, b, c, c]);
  const places: [string, number][] = [
    ['type', 8],
    ['id', a.indexOf(Buffer.from(of.manifest.packageId, 'hex')) + 20],
    ['wrapped', a.indexOf(derAt(a, 0, 1, 0, 1, 0, 3).content)],
    ['nonce', a.indexOf(derAt(a, 0, 1, 0, 2, 1, 1, 0).content)],
    ['content', a.length - 500],
    ['tag', a.length - 1],
  ];
  for (const [name, at] of places) {
    await on(`${name}-bit`, 'PACKAGE_SEGMENTS', `a bit of the ${name} flipped on the way`, [
      flipped(a, at),
      b,
      c,
    ]);
  }
  const by = async (name: string, expect: string, comment: string, segments: Buffer[]) =>
    write(`segments-${name}`, expect, comment, await resigned({ ...of, segments }));
  await by('signed-swapped', 'PACKAGE_SEGMENTS', 'swapped, and signed so', [b, a, c]);
  const id0 = segmentAt(of.manifest, 0, suite).id;
  const id1 = segmentAt(of.manifest, 1, suite).id;
  const renamed = Buffer.from(b);
  id0.copy(renamed, b.indexOf(id1));
  await by(
    'signed-renamed',
    'PACKAGE_DECRYPT',
    'the second as the first, its id changed, and signed so',
    [renamed, b, c],
  );
  const early = Buffer.from(c);
  const id2 = segmentAt(of.manifest, 2, suite).id;
  early[c.indexOf(id2) + 24] = 0;
  await by(
    'signed-not-last',
    'PACKAGE_SEGMENTS',
    'the last not marked as the last, and signed so',
    [a, b, early],
  );
  await by('signed-tag', 'PACKAGE_DECRYPT', 'a wrong tag, and signed so', [
    a,
    b,
    flipped(c, c.length - 1),
  ]);
  await by('signed-content', 'PACKAGE_DECRYPT', 'changed content, and signed so', [
    a,
    flipped(b, b.length - 100),
    c,
  ]);
}

async function badMessages(): Promise<void> {
  const message = requestMessage(5);
  const frame = frameOf(message);
  const leaf = leafOf(message);
  const refused = async (
    name: string,
    comment: string,
    plain: Buffer,
    leaves = [leaf],
    changes = {},
  ) => write(`message-${name}`, 'PACKAGE_MESSAGE', comment, await around(plain, leaves, changes));
  await refused(
    'trailing',
    'bytes after the last message',
    Buffer.concat([frame, Buffer.alloc(3)]),
  );
  await refused('uncounted', 'one message more than the count', Buffer.concat([frame, frame]));
  await refused('too-few', 'one message less than the count', frame, [leaf, leaf]);
  await refused('root', 'another message root', frame, [leaf], { messageRoot: zero });
  await refused('salt', 'a salt that is not in the tree', flipped(frame, 0));
  await refused('body-bit', 'a body that is not in the tree', flipped(frame, frame.length - 1));
  await refused('cut', 'a message cut short', frame.subarray(0, -1));
  await refused('cut-head', 'a frame of salt and lengths only', frame.subarray(0, 28));
  const length = (at: number, value: number): Buffer => {
    const copy = Buffer.from(frame);
    copy.writeUInt32BE(value, at);
    return copy;
  };
  await refused('header-length', 'a header length above its maximum', length(16, 65537));
  await refused('header-length-long', 'a header length beyond the content', length(16, 60000));
  await refused('body-length', 'a body length above the content', length(24, 6));
  await refused('body-length-huge', 'a body length of 2^63 and more', length(20, 0x80000000));
  const type = frame.indexOf('request');
  await refused('type', 'an unknown message type', flipped(frame, type));
}

for (const file of readdirSync(here)) if (file.endsWith('.vector')) rmSync(join(here, file));
const base = await parts([requestMessage(100)]);
const sound = await signed(base);
await good();
await badArchive(base, sound);
await badSignature(base);
await badManifest(base);
await badTime(base, sound);
await badKeys(base);
await badSegments();
await badMessages();
process.stdout.write(`${readdirSync(here).length - 2} vectors of ${sealOptions.suite}\n`);
