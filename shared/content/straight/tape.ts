/**
 * What the straight path reads from and writes to: a copy of the document that ends in NULs, so that
 * no loop needs to ask where the end is, and an output that grows. Both are kept from one document to
 * the next. Everything here is synchronous.
 */
import { limits } from '../../limits.ts';
import { backslash } from './bytes.ts';
import { unescapeBytes } from './unescape.ts';

export interface Tape {
  readonly input: Buffer;
  readonly inputView: DataView;
  /** Bytes of the document, without the escapes that it need not have; eight NULs follow them. */
  readonly end: number;
  /** The document with one character for each byte: right for pieces that are ASCII. */
  text(start: number, end: number): string;
  out: Buffer;
  outView: DataView;
  /** Bytes written. */
  size: number;
  /** Members and items so far; as the strict parser counts them. */
  members: number;
  /** Bytes passed by a layout that did not fit in the end. */
  vain: number;
  /** Members and values left out. */
  dropped: number;
  /** Mask number → how many values it changed. */
  readonly masked: number[];
}

/**
 * Thrown where the straight path does not know or does not want to: the slow path decides. It is one
 * object for ever, because an error with a stack costs more than a small document.
 */
export const detour = new Error('ask the slow path');

/** Longest name that is compared, and how far reads and writes by words may go beyond an end. */
export const nameBytesMax = 1024;
const slackBytes = nameBytesMax + 16;

type Rooms = Pick<Tape, 'input' | 'inputView' | 'out' | 'outView'>;

/** Larger buffers are not kept. */
const keptBytes = 1024 * 1024;
const roomBytes = 64 * 1024;
/** Of the last tape; not there while it is open: what a mask calls may open another. */
let kept: Rooms | undefined;

/** Read at once as text: most values are short, and others follow them. */
const windowBytes = 1024;

/** A tape over a copy of the document, to be closed. `masks`: how many masks there are. */
export function openTape(document: Uint8Array, masks: number): Tape {
  const rooms = roomsFor(document.length + slackBytes);
  const end = fill(rooms, document);
  const { input, inputView, out, outView } = rooms;
  let window = '';
  let from = 0;
  return {
    input,
    inputView,
    end,
    text(start, to) {
      if (start < from || to > from + window.length) {
        from = start;
        window = input.toString('latin1', start, Math.max(to, start + windowBytes));
      }
      return window.slice(start - from, to - from);
    },
    out,
    outView,
    size: 0,
    members: 0,
    vain: 0,
    dropped: 0,
    masked: masks === 0 ? [] : new Array<number>(masks).fill(0),
  };
}

/** Copies the document and returns where it ends. */
function fill({ input, inputView }: Rooms, document: Uint8Array): number {
  const { length } = document;
  input.set(document);
  inputView.setFloat64(length, 0);
  input[length + 8] = backslash;
  const first = input.indexOf(backslash);
  // With escapes a string may be longer than without: in a document of that length none is too long.
  if (first >= length || length > limits.jsonStringBytesMax) return length;
  const end = unescapeBytes(input, inputView, first, length);
  inputView.setFloat64(end, 0);
  return end;
}

function roomsFor(inputBytes: number): Rooms {
  const rooms = kept;
  kept = undefined;
  if (rooms !== undefined && rooms.input.length >= inputBytes) return rooms;
  const { bytes: input, view: inputView } = room(Math.max(inputBytes, roomBytes));
  if (rooms !== undefined) return { ...rooms, input, inputView };
  const { bytes: out, view: outView } = room(roomBytes);
  return { input, inputView, out, outView };
}

/** Keeps the buffers for the next tape. */
export function closeTape({ input, inputView, out, outView }: Tape): void {
  if (input.length <= keptBytes && out.length <= keptBytes) {
    kept = { input, inputView, out, outView };
  }
}

/** What was written, as a buffer of its own. */
export function takeOutput({ out, size }: Tape): Buffer {
  const taken = Buffer.allocUnsafe(size);
  out.copy(taken, 0, 0, size);
  return taken;
}

/** The same bytes twice: a view reads and writes four at a time. */
export interface Bytes {
  readonly bytes: Buffer;
  readonly view: DataView;
}

/** The bytes of a text, and room behind them for reads by words. */
export function bytesOf(text: string): Bytes {
  const { length } = Buffer.from(text);
  const { bytes, view } = room(length + 4);
  bytes.write(text);
  return { bytes: bytes.subarray(0, length), view };
}

function room(length: number): Bytes {
  const bytes = Buffer.alloc(length);
  return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, length) };
}

/** Makes place for `bytes` more, and the slack behind them. */
export function reserve(tape: Tape, bytes: number): void {
  if (tape.size + bytes + slackBytes > tape.out.length) grow(tape, bytes);
}

function grow(tape: Tape, bytes: number): void {
  const wanted = 2 * (tape.size + bytes + slackBytes);
  // Pieces that change places are in the output twice for a moment.
  if (wanted > 16 * limits.messageBodyBytesMax) throw detour;
  const { bytes: out, view } = room(wanted);
  out.set(tape.out.subarray(0, tape.size));
  tape.out = out;
  tape.outView = view;
}

/** Fewer are copied four at a time here; more by the runtime. */
const copyByWordsMax = 256;

/**
 * Writes input bytes as they are, eight at a time: UTF-8 with NULs behind it holds no NaN, of which not
 * every bit might be kept.
 */
export function copyIn(tape: Tape, start: number, end: number): void {
  reserve(tape, end - start);
  const { input, inputView, out, outView, size } = tape;
  const length = end - start;
  tape.size = size + length;
  if (length > copyByWordsMax) {
    out.set(input.subarray(start, end), size);
    return;
  }
  for (let done = 0; done < length; done += 8) {
    outView.setFloat64(size + done, inputView.getFloat64(start + done, true), true);
  }
}

/** Writes bytes of the output again, at its end. */
export function copyOut(tape: Tape, start: number, end: number): void {
  reserve(tape, end - start);
  copy(tape, tape.out, tape.outView, start, end);
}

export function put(tape: Tape, { bytes, view }: Bytes): void {
  reserve(tape, bytes.length);
  copy(tape, bytes, view, 0, bytes.length);
}

/** Moves what was written from `start` on to `to`, over as many bytes that are no longer needed. */
export function moveBack(tape: Tape, to: number, start: number): void {
  const { size } = tape;
  tape.size = to;
  copy(tape, tape.out, tape.outView, start, size);
}

function copy(tape: Tape, from: Buffer, view: DataView, start: number, end: number): void {
  const { out, outView, size } = tape;
  const length = end - start;
  tape.size = size + length;
  if (length > copyByWordsMax) {
    out.set(from.subarray(start, end), size);
    return;
  }
  for (let done = 0; done < length; done += 4) {
    outView.setInt32(size + done, view.getInt32(start + done, true), true);
  }
}

export function putByte(tape: Tape, byte: number): void {
  reserve(tape, 1);
  tape.out[tape.size] = byte;
  tape.size += 1;
}

/**
 * Sets what was written since `from`, pieces with a comma before each, between brackets. The first
 * comma becomes the opening one.
 */
export function enclose(tape: Tape, from: number, open: number, close: number): void {
  reserve(tape, 2);
  if (tape.size === from) tape.size += 1;
  tape.out[from] = open;
  tape.out[tape.size] = close;
  tape.size += 1;
}
