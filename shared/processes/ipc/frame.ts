/**
 * One internal message on a local socket:
 *
 *   u32 length of the rest │ u8 kind │ u32 id │ u32 head length │ head (JSON) │ body (bytes)
 *
 * All integers big-endian. Errors: IPC_FRAME.
 */
import { counted } from '../../counted.ts';
import { SallyportError } from '../../errors.ts';
import { limits } from '../../limits.ts';

const frameKinds = ['request', 'response', 'error', 'notify'] as const;
export type FrameKind = (typeof frameKinds)[number];

export interface Frame {
  readonly kind: FrameKind;
  readonly id: number;
  readonly head: unknown;
  readonly body: Buffer;
}

const fixedBytes = 9;
const empty: Buffer = Buffer.alloc(0);

/** Encodes one frame as a list of buffers to write in order. */
export function encodeFrame(
  kind: FrameKind,
  id: number,
  head: unknown,
  body: Uint8Array,
): Buffer[] {
  const headText = JSON.stringify(head ?? null);
  const headBytes = Buffer.byteLength(headText);
  const length = fixedBytes + headBytes + body.length;
  if (headBytes > limits.ipcHeadBytesMax || length > limits.ipcFrameBytesMax) {
    throw new SallyportError(
      'IPC_FRAME',
      `expected a frame in the limits, got ${counted(length, 'byte')}`,
    );
  }
  const start = Buffer.allocUnsafe(4 + fixedBytes + headBytes);
  start.writeUInt32BE(length, 0);
  start.writeUInt8(frameKinds.indexOf(kind), 4);
  start.writeUInt32BE(id, 5);
  start.writeUInt32BE(headBytes, 9);
  start.write(headText, 13);
  return body.length === 0 ? [start] : [start, asBuffer(body)];
}

/** Cuts a byte stream into frames. Feed it chunks; it calls `onFrame` for each whole frame. */
export function createFrameReader(onFrame: (frame: Frame) => void): (chunk: Buffer) => void {
  let parts: Buffer[] = [];
  let held = 0;
  let wanted = 4;
  return (chunk) => {
    parts.push(chunk);
    held += chunk.length;
    while (held >= wanted) {
      const joined: Buffer = parts.length === 1 ? (parts[0] ?? empty) : Buffer.concat(parts, held);
      const length = joined.readUInt32BE(0);
      if (length < fixedBytes || length > limits.ipcFrameBytesMax) {
        throw new SallyportError(
          'IPC_FRAME',
          `expected a frame in the limits, got ${counted(length, 'byte')}`,
        );
      }
      parts = [joined];
      wanted = 4 + length;
      if (held < wanted) return;
      const rest = joined.subarray(wanted);
      const frame = joined.subarray(4, wanted);
      parts = rest.length === 0 ? [] : [rest];
      held = rest.length;
      wanted = 4;
      onFrame(decodeFrame(frame));
    }
  };
}

function decodeFrame(bytes: Buffer): Frame {
  const kind = frameKinds[bytes.readUInt8(0)];
  const headBytes = bytes.readUInt32BE(5);
  if (kind === undefined || headBytes > bytes.length - fixedBytes) {
    throw new SallyportError('IPC_FRAME', 'expected a known kind and a head inside the frame');
  }
  const headEnd = fixedBytes + headBytes;
  return {
    kind,
    id: bytes.readUInt32BE(1),
    head: parseHead(bytes.toString('utf8', fixedBytes, headEnd)),
    body: bytes.subarray(headEnd),
  };
}

function parseHead(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new SallyportError('IPC_FRAME', 'expected a JSON head', { cause });
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
