/**
 * Any scanner behind ICAP (RFC 3507): OPTIONS, then RESPMOD with a preview.
 *
 *   OPTIONS ─▶ 200 Methods, Preview          what the service can
 *   RESPMOD + preview ─▶ 204                 clean
 *                     ─▶ 100, rest ─▶ 204    clean
 *                     ─▶ 200                 it would replace the content: found
 *
 * ICAP does not say how old signatures are: that a scanner behind it is fresh must be watched there.
 */
import type { Duplex } from 'node:stream';
import { limits } from '../../limits.ts';
import {
  bounded,
  converse,
  createReplies,
  type Dial,
  foundVerdict,
  ScanFailed,
  type Scanner,
  send,
  type Verdict,
} from './scanner.ts';

/** A service such as `icap://127.0.0.1:1344/avscan` behind `dial`. */
export function icapScanner(
  dial: Dial,
  service: string,
  {
    name = 'icap',
    timeoutMs = limits.scanTimeoutMs,
  }: { readonly name?: string; readonly timeoutMs?: number } = {},
): Scanner {
  return {
    name,
    scan: (content, signal) =>
      converse(dial, { timeoutMs, signal }, async (stream) => {
        const replies = createReplies(stream);
        await send(stream, head('OPTIONS', service, ['Encapsulated: null-body=0']));
        const options = readHead(await replies.until('\r\n\r\n'));
        const methods = options.fields.get('methods') ?? '';
        if (options.status !== 200 || !/\bRESPMOD\b/i.test(methods)) throw new ScanFailed('answer');
        return respmod(stream, replies, service, previewOf(options), bounded(content));
      }),
  };
}

/** The content stands for an answer to this request; nothing of it is true, and nothing is told. */
const request = 'GET http://sallyport.invalid/ HTTP/1.1\r\nHost: sallyport.invalid\r\n\r\n';
const response = 'HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n\r\n';

async function respmod(
  stream: Duplex,
  replies: ReturnType<typeof createReplies>,
  service: string,
  preview: number,
  content: AsyncGenerator<Uint8Array>,
): Promise<Verdict> {
  const body = request.length + response.length;
  await send(
    stream,
    head('RESPMOD', service, [
      'Allow: 204',
      `Preview: ${preview}`,
      `Encapsulated: req-hdr=0, res-hdr=${request.length}, res-body=${body}`,
    ]),
  );
  await send(stream, request + response);
  const { first, rest, whole } = await split(content, preview);
  if (first.length > 0) await sendChunk(stream, first);
  await send(stream, whole ? '0; ieof\r\n\r\n' : '0\r\n\r\n');
  let answer = readHead(await replies.until('\r\n\r\n'));
  if (answer.status === 100 && !whole) {
    if (rest.length > 0) await sendChunk(stream, rest);
    for await (const piece of content) await sendChunk(stream, piece);
    await send(stream, '0\r\n\r\n');
    answer = readHead(await replies.until('\r\n\r\n'));
  }
  if (answer.status === 204) return { verdict: 'clean' };
  if (answer.status === 200) return foundVerdict(nameOf(answer.fields));
  throw new ScanFailed('answer');
}

/** The first bytes for the preview; `whole` where there are no more. */
async function split(
  content: AsyncGenerator<Uint8Array>,
  preview: number,
): Promise<{ first: Buffer; rest: Buffer; whole: boolean }> {
  let bytes: Buffer = Buffer.alloc(0);
  while (bytes.length <= preview) {
    const next = await content.next();
    if (next.done === true) return { first: bytes, rest: Buffer.alloc(0), whole: true };
    bytes = Buffer.concat([bytes, next.value]);
  }
  return { first: bytes.subarray(0, preview), rest: bytes.subarray(preview), whole: false };
}

async function sendChunk(stream: Duplex, bytes: Uint8Array): Promise<void> {
  await send(stream, `${bytes.length.toString(16)}\r\n`);
  await send(stream, bytes);
  await send(stream, '\r\n');
}

function head(method: string, service: string, fields: readonly string[]): string {
  const lines = [`${method} ${service} ICAP/1.0`, `Host: ${new URL(service).host}`, ...fields];
  return `${lines.join('\r\n')}\r\n\r\n`;
}

interface Head {
  readonly status: number;
  readonly fields: ReadonlyMap<string, string>;
}

function readHead(text: string): Head {
  // X-Violations-Found has lines that begin with a tab: they continue the one before.
  const [first = '', ...lines] = text.replace(/\r\n[\t ]+/g, ' ').split('\r\n');
  const status = /^ICAP\/1\.0 (\d{3}) /.exec(`${first} `)?.[1];
  if (status === undefined) throw new ScanFailed('answer');
  const fields = lines.map((line): [string, string] => {
    const colon = line.indexOf(':');
    if (colon < 1) throw new ScanFailed('answer');
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  });
  return { status: Number(status), fields: new Map(fields) };
}

/** Without a word of the service a preview of nothing: it then asks for all. */
function previewOf({ fields }: Head): number {
  const text = fields.get('preview') ?? '0';
  if (!/^\d{1,6}$/.test(text)) throw new ScanFailed('answer');
  return Math.min(Number(text), limits.scanPieceBytes);
}

/** Headers in which products say what they found. */
function nameOf(fields: ReadonlyMap<string, string>): string {
  const infection = /Threat=([^;]+)/.exec(fields.get('x-infection-found') ?? '')?.[1];
  return infection ?? fields.get('x-virus-id') ?? 'content that it would replace';
}
