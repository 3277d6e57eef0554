/**
 * What travels on a link: packages cut into frames, so that an interactive package can pass between
 * two parts of a bulk one.
 *
 *   u16 'SP' │ u8 kind │ u8 class │ u32 length │ head: u64 package size, name │ part: bytes
 *
 * All integers big-endian. docs/spec/channels.md §Link is the norm. Errors: CHANNEL_FRAME.
 */
import { SallyportError } from '../../errors.ts';
import { limits } from '../../limits.ts';
import type { FlowClass } from '../../ports.ts';
import { checkSize, type SpoolBounds } from '../room.ts';
import { parseSpoolName } from '../spool.ts';

export type LinkFrame =
  | {
      readonly kind: 'head';
      readonly flowClass: FlowClass;
      readonly name: string;
      readonly size: number;
    }
  | { readonly kind: 'part'; readonly flowClass: FlowClass; readonly bytes: Buffer };

const magic = 0x5350;
const fixedBytes = 8;
const sizeBytes = 8;
const headKind = 1;
const partKind = 2;
/** `interactive-` + 12 digits + `-` + 32 hex digits + `.stp`. */
const nameBytesMax = 61;

/** The head frame of a package; `name` is a spool name, `size` its length in bytes. */
export function encodeHead(flowClass: FlowClass, name: string, size: number): Buffer {
  const payload = sizeBytes + Buffer.byteLength(name);
  const frame = Buffer.allocUnsafe(fixedBytes + payload);
  writeFixed(frame, headKind, flowClass, payload);
  frame.writeBigUInt64BE(BigInt(size), fixedBytes);
  frame.write(name, fixedBytes + sizeBytes);
  return frame;
}

/** The start of a part frame; `length` bytes follow it. */
export function encodePart(flowClass: FlowClass, length: number): Buffer {
  const frame = Buffer.allocUnsafe(fixedBytes);
  writeFixed(frame, partKind, flowClass, length);
  return frame;
}

/** Cuts the stream into frames. Holds at most one frame; refuses a length before it is buffered. */
export function createLinkReader(bounds: SpoolBounds): (chunk: Buffer) => LinkFrame[] {
  let parts: Buffer[] = [];
  let held = 0;
  let wanted = fixedBytes;
  return (chunk) => {
    const frames: LinkFrame[] = [];
    parts.push(chunk);
    held += chunk.length;
    while (held >= wanted) {
      const [only] = parts;
      const joined = only && parts.length === 1 ? only : Buffer.concat(parts, held);
      parts = [joined];
      wanted = fixedBytes + readLength(joined);
      if (held < wanted) break;
      frames.push(decode(joined.subarray(0, wanted), bounds));
      held -= wanted;
      parts = held === 0 ? [] : [joined.subarray(wanted)];
      wanted = fixedBytes;
    }
    return frames;
  };
}

function writeFixed(frame: Buffer, kind: number, flowClass: FlowClass, length: number): void {
  frame.writeUInt16BE(magic, 0);
  frame.writeUInt8(kind, 2);
  frame.writeUInt8(flowClass === 'interactive' ? 0 : 1, 3);
  frame.writeUInt32BE(length, 4);
}

function readLength(bytes: Buffer): number {
  const kind = bytes.readUInt8(2);
  const length = bytes.readUInt32BE(4);
  if (bytes.readUInt16BE(0) !== magic) throw refusal('the frame mark', 'other bytes');
  if (bytes.readUInt8(3) > 1) throw refusal('a known class', String(bytes.readUInt8(3)));
  if (kind !== headKind && kind !== partKind) throw refusal('a known frame kind', String(kind));
  const lengthMax = kind === headKind ? sizeBytes + nameBytesMax : limits.linkPartBytesMax;
  const lengthMin = kind === headKind ? sizeBytes : 1;
  if (length < lengthMin || length > lengthMax) {
    throw refusal(`a frame of ${lengthMin} to ${lengthMax} bytes`, String(length));
  }
  return length;
}

function decode(frame: Buffer, bounds: SpoolBounds): LinkFrame {
  const flowClass = frame.readUInt8(3) === 0 ? 'interactive' : 'bulk';
  const payload = frame.subarray(fixedBytes);
  if (frame.readUInt8(2) === partKind) return { kind: 'part', flowClass, bytes: payload };
  const size = payload.readBigUInt64BE(0);
  const name = payload.toString('latin1', sizeBytes);
  if (parseSpoolName(name)?.flowClass !== flowClass) {
    throw refusal('the name of a package of this class', 'another name');
  }
  checkSize(Number(size), bounds);
  return { kind: 'head', flowClass, name, size: Number(size) };
}

function refusal(expected: string, got: string): SallyportError {
  return new SallyportError('CHANNEL_FRAME', `expected ${expected}, got ${got}`, {
    hint: 'both nodes must run the same release; otherwise something else speaks on the link',
  });
}
