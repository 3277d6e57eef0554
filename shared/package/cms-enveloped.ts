/**
 * CMS AuthEnvelopedData (RFC 5083, RFC 5084) in the two forms of a package, always one recipient:
 *
 *   keys.p7m   package KEK   KeyAgreeRecipientInfo, ECDH-ES (RFC 5753)   the receiver's HSM opens
 *   segment    plaintext     KEKRecipientInfo, a KEK of its own          the package KEK opens
 *
 * No authenticated attributes (OpenSSL cannot read them). Everything but nonce, wrapped key,
 * ephemeral point, ciphertext and tag is known beforehand, so opening rebuilds the rest and
 * compares it.
 */
import {
  type Cipheriv,
  createCipheriv,
  createDecipheriv,
  type Decipheriv,
  diffieHellman,
  ECDH,
  generateKeyPairSync,
  randomBytes,
} from 'node:crypto';
import { type ErrorCode, SallyportError } from '../errors.ts';
import type { Certificate } from './certificate.ts';
import {
  contextTag,
  der,
  derAt,
  derHead,
  integer,
  octetString,
  oid,
  sequence,
  set,
  tags,
} from './der.ts';
import { digestOf } from './merkle.ts';
import type { Suite } from './suites.ts';

/** ECDH with the receiver's private key: 65-byte point in, 32-byte shared X out. */
export type DeriveShared = (point: Uint8Array) => Promise<Buffer>;

const idData = oid('1.2.840.113549.1.7.1');
const idAuthEnvelopedData = oid('1.2.840.113549.1.9.16.1.23');
const small = (value: number): Buffer => integer(Buffer.from([value]));
const [zero, three, four] = [small(0), small(3), small(4)];
const wrapIv = Buffer.alloc(8, 0xa6);

/** Encrypts a package KEK for the key of one certificate. */
export function sealKey(key: Buffer, recipient: Certificate, suite: Suite): Buffer {
  const ephemeral = generateKeyPairSync('ec', { namedCurve: suite.agreement.curve });
  const point = ephemeral.publicKey.export({ format: 'raw-public' });
  const { privateKey } = ephemeral;
  const kek = agreedKek(diffieHellman({ privateKey, publicKey: recipient.publicKey }), suite);
  const content = Buffer.from(key);
  const { wrapped, nonce, tag } = seal(content, kek, suite);
  const info = keyRecipient(recipient, point, wrapped, suite);
  return Buffer.concat([envelopeHead(info, nonce, content.length, suite), content, tag]);
}

/**
 * Opens `keys.p7m` of `keyBytes` of content with the receiver's key.
 * Errors: PACKAGE_KEYS (form, point), those of `derive`, PACKAGE_DECRYPT.
 */
export async function openKey(
  file: Buffer,
  recipient: Certificate,
  derive: DeriveShared,
  suite: Suite,
): Promise<Buffer> {
  const parts = readEnvelope(file, 'PACKAGE_KEYS');
  const point = coded('PACKAGE_KEYS', 'expected an ephemeral key on the curve', () => {
    const found = derAt(parts.recipient, 0, 1, 0, 1).content.subarray(1);
    ECDH.convertKey(found, suite.agreement.curve);
    return found;
  });
  const info = keyRecipient(recipient, point, parts.wrapped, suite);
  expectForm(file, parts, info, suite.wrap.keyBytes, 'PACKAGE_KEYS', suite);
  const key = Buffer.alloc(suite.wrap.keyBytes);
  unseal(parts, agreedKek(await derive(point), suite), key, suite);
  return key;
}

/** Where the content of a segment file lies. */
export function segmentContent(file: Buffer, plainBytes: number, suite: Suite): Buffer {
  const end = file.length - tagElementBytes(suite);
  return file.subarray(end - plainBytes, end);
}

/** Encrypts the content that lies in a segment file under its KEK, and writes the rest around it. */
export function sealSegment(
  file: Buffer,
  plainBytes: number,
  kek: Buffer,
  id: Buffer,
  suite: Suite,
): void {
  const content = segmentContent(file, plainBytes, suite);
  const { wrapped, nonce, tag } = seal(content, kek, suite);
  file.set(envelopeHead(kekRecipient(id, wrapped, suite), nonce, plainBytes, suite));
  file.set(tag, file.length - tag.length);
}

/**
 * Opens a segment into `plain`, whose length is what it must hold; not to be used after an error.
 * Errors: PACKAGE_SEGMENTS (form, identity, size), PACKAGE_DECRYPT.
 */
export function openSegment(
  file: Buffer,
  kek: Buffer,
  id: Buffer,
  plain: Buffer,
  suite: Suite,
): void {
  const parts = readEnvelope(file, 'PACKAGE_SEGMENTS');
  const info = kekRecipient(id, parts.wrapped, suite);
  expectForm(file, parts, info, plain.length, 'PACKAGE_SEGMENTS', suite);
  unseal(parts, kek, plain, suite);
}

/** Size of a segment file. */
export function segmentFileBytes(plainBytes: number, id: Buffer, suite: Suite): number {
  const wrapped = Buffer.alloc(suite.wrap.keyBytes + 8);
  const nonce = Buffer.alloc(suite.content.nonceBytes);
  const head = envelopeHead(kekRecipient(id, wrapped, suite), nonce, plainBytes, suite);
  return head.length + plainBytes + tagElementBytes(suite);
}

const tagElementBytes = (suite: Suite): number => 2 + suite.content.tagBytes;

interface Envelope {
  readonly recipient: Buffer;
  readonly wrapped: Buffer;
  readonly nonce: Buffer;
  readonly cipherText: Buffer;
  readonly tag: Buffer;
}

function readEnvelope(file: Buffer, code: ErrorCode): Envelope {
  return coded(code, 'expected CMS auth-enveloped data in DER', () => {
    const recipient = derAt(file, 0, 1, 0, 1, 0).whole;
    const isAgreement = recipient[0] === contextTag(1, true);
    return {
      recipient,
      wrapped: isAgreement ? derAt(recipient, 0, 3, 0, 1).content : derAt(recipient, 0, 3).content,
      nonce: derAt(file, 0, 1, 0, 2, 1, 1, 0).content,
      cipherText: derAt(file, 0, 1, 0, 2, 2).content,
      tag: derAt(file, 0, 1, 0, 3).content,
    };
  });
}

function expectForm(
  file: Buffer,
  parts: Envelope,
  recipient: Buffer,
  plainBytes: number,
  code: ErrorCode,
  suite: Suite,
): void {
  const head = envelopeHead(recipient, parts.nonce, plainBytes, suite);
  const rest = file.subarray(head.length + plainBytes);
  const fits =
    parts.wrapped.length === suite.wrap.keyBytes + 8 &&
    parts.nonce.length === suite.content.nonceBytes &&
    parts.tag.length === suite.content.tagBytes &&
    parts.cipherText.length === plainBytes &&
    file.subarray(0, head.length).equals(head) &&
    rest.equals(octetString(parts.tag));
  if (!fits)
    throw new SallyportError(code, 'expected auth-enveloped data in its one canonical form');
}

/** Encrypts `content` in place under a new key; `tag` as the element that ends the file. */
function seal(
  content: Buffer,
  kek: Buffer,
  suite: Suite,
): { wrapped: Buffer; nonce: Buffer; tag: Buffer } {
  const { cipher: name, keyBytes, nonceBytes, tagBytes } = suite.content;
  const random = randomBytes(keyBytes + nonceBytes);
  const cek = random.subarray(0, keyBytes);
  const nonce = random.subarray(keyBytes);
  const wrap = createCipheriv(suite.wrap.cipher, kek, wrapIv);
  const wrapped = Buffer.concat([wrap.update(cek), wrap.final()]);
  const cipher = createCipheriv(name, cek, nonce, { authTagLength: tagBytes });
  passThrough(cipher, content, content);
  cipher.final();
  return { wrapped, nonce, tag: octetString(cipher.getAuthTag()) };
}

function unseal(parts: Envelope, kek: Buffer, plain: Buffer, suite: Suite): void {
  coded('PACKAGE_DECRYPT', 'expected content under the agreed key', () => {
    const unwrap = createDecipheriv(suite.wrap.cipher, kek, wrapIv);
    const cek = Buffer.concat([unwrap.update(parts.wrapped), unwrap.final()]);
    const { cipher: name, tagBytes } = suite.content;
    const decipher = createDecipheriv(name, cek, parts.nonce, { authTagLength: tagBytes });
    decipher.setAuthTag(parts.tag);
    passThrough(decipher, parts.cipherText, plain);
    decipher.final();
  });
}

/** Below the size from which malloc asks the kernel for fresh pages each time. */
const stepBytes = 64 * 1024;

/**
 * Runs `from` through the cipher into `to`, which may be the same memory. node:crypto returns each
 * piece in memory of its own, which would wait for garbage collection: it is given back at once.
 */
function passThrough(cipher: Cipheriv | Decipheriv, from: Buffer, to: Buffer): void {
  for (let at = 0; at < from.length; at += stepBytes) {
    const piece = cipher.update(from.subarray(at, at + stepBytes));
    to.set(piece, at);
    if (piece.length === piece.buffer.byteLength) piece.buffer.transfer(0);
  }
}

/**
 * All of the file before the ciphertext. Written by hand from the inside out: segments are large.
 */
function envelopeHead(recipient: Buffer, nonce: Buffer, cipherBytes: number, suite: Suite): Buffer {
  const { identifier, tagBytes } = suite.content;
  const algorithm = sequence(identifier, sequence(octetString(nonce), small(tagBytes)));
  const recipients = set(recipient);
  const contentHead = derHead(contextTag(0, false), cipherBytes);
  const infoBytes = idData.length + algorithm.length + contentHead.length + cipherBytes;
  const infoHead = derHead(tags.sequence, infoBytes);
  const beforeInfo = zero.length + recipients.length + infoHead.length;
  const bodyBytes = beforeInfo + infoBytes + tagElementBytes(suite);
  const bodyHead = derHead(tags.sequence, bodyBytes);
  const explicit = derHead(contextTag(0, true), bodyHead.length + bodyBytes);
  const fileBytes = idAuthEnvelopedData.length + explicit.length + bodyHead.length + bodyBytes;
  return Buffer.concat([
    derHead(tags.sequence, fileBytes),
    idAuthEnvelopedData,
    explicit,
    bodyHead,
    zero,
    recipients,
    infoHead,
    idData,
    algorithm,
    contentHead,
  ]);
}

function keyRecipient(
  recipient: Certificate,
  point: Buffer,
  wrapped: Buffer,
  suite: Suite,
): Buffer {
  const publicKey = der(tags.bitString, Buffer.from([0]), point);
  return der(
    contextTag(1, true),
    three,
    der(contextTag(0, true), der(contextTag(1, true), suite.agreement.keyAlgorithm, publicKey)),
    sequence(suite.agreement.scheme, suite.wrap.algorithm),
    sequence(sequence(recipient.issuerAndSerial, octetString(wrapped))),
  );
}

function kekRecipient(id: Buffer, wrapped: Buffer, suite: Suite): Buffer {
  return der(
    contextTag(2, true),
    four,
    sequence(octetString(id)),
    suite.wrap.algorithm,
    octetString(wrapped),
  );
}

/**
 * X9.63 KDF over ECC-CMS-SharedInfo (RFC 5753 §7.2); one hash block is exactly the wrapping key.
 */
function agreedKek(shared: Buffer, suite: Suite): Buffer {
  const counter = Buffer.from([0, 0, 0, 1]);
  const keyBits = Buffer.alloc(4);
  keyBits.writeUInt32BE(suite.wrap.keyBytes * 8);
  const info = sequence(suite.wrap.algorithm, der(contextTag(2, true), octetString(keyBits)));
  const block = digestOf(suite.agreement.kdfHash, Buffer.concat([shared, counter, info]));
  return block.subarray(0, suite.wrap.keyBytes);
}

function coded<T>(code: ErrorCode, message: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw new SallyportError(code, message, { cause });
  }
}
