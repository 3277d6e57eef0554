/**
 * Requests that two programs could read in two ways, each with a second request behind it that an attacker
 * would like to have read as one of its own: it never reaches the guard, and never gets an answer.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ErrorCode } from '@sallyport/shared/errors.ts';
import * as fc from 'fast-check';
import { type Rig, startRig } from '../edge/rig.ts';

const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n';
const chunked = 'Transfer-Encoding: chunked';
const post = (body: string, ...headers: string[]): string =>
  `POST /a HTTP/1.1\r\n${['Host: h', ...headers].join('\r\n')}\r\n\r\n${body}`;

/** Answers whose head stands in `text`, by their status and code. */
function answersIn(text: string): string[] {
  return text.split(/(?=HTTP\/1\.1 )/).flatMap((one) => {
    const status = /^HTTP\/1\.1 (\d+)/.exec(one)?.[1];
    if (status === undefined) return [];
    return [/"code":"(\w+)"/.exec(one)?.[1] ?? status];
  });
}

const shapes: [what: string, text: string, code: ErrorCode][] = [
  [
    'a length of all that follows, and chunks',
    post('0\r\n\r\n', 'Content-Length: 43', chunked),
    'REQUEST_MALFORMED',
  ],
  [
    'chunks in capitals, and a length',
    post('0\r\n\r\n', 'TRANSFER-ENCODING: CHUNKED', 'Content-Length: 5'),
    'REQUEST_MALFORMED',
  ],
  [
    'a coding behind a tab, and a length',
    post('0\r\n\r\n', 'Transfer-Encoding:\tchunked', 'Content-Length: 5'),
    'REQUEST_MALFORMED',
  ],
  [
    'a vertical tab before the coding',
    post('0\r\n\r\n', 'Transfer-Encoding: \vchunked'),
    'REQUEST_MALFORMED',
  ],
  [
    'a coding that only looks like one',
    post('0\r\n\r\n', 'Transfer-Encoding: xchunked'),
    'REQUEST_MALFORMED',
  ],
  [
    'chunked before another coding',
    post('0\r\n\r\n', 'Transfer-Encoding: chunked, identity'),
    'REQUEST_MALFORMED',
  ],
  ['an empty coding', post('', 'Transfer-Encoding:'), 'REQUEST_MALFORMED'],
  ['a quoted coding', post('0\r\n\r\n', 'Transfer-Encoding: "chunked"'), 'REQUEST_MALFORMED'],
  [
    'a space before the colon of the coding',
    post('0\r\n\r\n', 'Transfer-Encoding : chunked'),
    'REQUEST_MALFORMED',
  ],
  ['a folded coding', post('0\r\n\r\n', 'Transfer-Encoding:\r\n chunked'), 'REQUEST_MALFORMED'],
  ['a header that begins with a space', post('', ' Content-Length: 3'), 'REQUEST_MALFORMED'],
  [
    'the same length twice',
    post('', 'Content-Length: 0', 'Content-Length: 0'),
    'REQUEST_MALFORMED',
  ],
  ['a negative length', post('', 'Content-Length: -1'), 'REQUEST_MALFORMED'],
  ['a hexadecimal length', post('', 'Content-Length: 0x0'), 'REQUEST_MALFORMED'],
  ['a length with a space in it', post('', 'Content-Length: 0 0'), 'REQUEST_MALFORMED'],
  ['an empty length', post('', 'Content-Length:'), 'REQUEST_MALFORMED'],
  [
    'a length beyond 64 bits',
    post('', 'Content-Length: 18446744073709551616'),
    'REQUEST_MALFORMED',
  ],
  [
    'a length in two lines of which one is folded',
    post('', 'Content-Length: 0\r\n , 5'),
    'REQUEST_MALFORMED',
  ],
  [
    'a length ended by a bare CR',
    'POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 0\rX: y\r\n\r\n',
    'REQUEST_MALFORMED',
  ],
  ['a head ended by bare LF', 'GET /a HTTP/1.1\r\nHost: h\r\nX-A: b\n\n', 'REQUEST_MALFORMED'],
  ['a head ended by CR alone', 'GET /a HTTP/1.1\rHost: h\r\r', 'REQUEST_MALFORMED'],
  ['a chunk size of another base', post('0x1\r\na\r\n0\r\n\r\n', chunked), 'REQUEST_MALFORMED'],
  ['a negative chunk size', post('-1\r\na\r\n0\r\n\r\n', chunked), 'REQUEST_MALFORMED'],
  [
    'a chunk size with a space before it',
    post(' 1\r\na\r\n0\r\n\r\n', chunked),
    'REQUEST_MALFORMED',
  ],
  ['a chunk size beyond 64 bits', post('10000000000000000\r\na\r\n', chunked), 'REQUEST_MALFORMED'],
  ['an empty chunk size', post('\r\na\r\n0\r\n\r\n', chunked), 'REQUEST_MALFORMED'],
  ['a chunk longer than its size', post('1\r\nab\r\n0\r\n\r\n', chunked), 'REQUEST_MALFORMED'],
  ['a chunk that LF ends', post('1\r\na\n0\r\n\r\n', chunked), 'REQUEST_MALFORMED'],
  ['a chunk extension that LF ends', post('1;x\na\r\n0\r\n\r\n', chunked), 'REQUEST_MALFORMED'],
  [
    'a chunk extension with CR in it',
    post('1;\rx\r\na\r\n0\r\n\r\n', chunked),
    'REQUEST_MALFORMED',
  ],
  ['a trailer that LF ends', post('0\r\nX-A: b\n\r\n', chunked), 'REQUEST_MALFORMED'],
  [
    'two Hosts that are the same',
    'GET /a HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n',
    'REQUEST_MALFORMED',
  ],
  ['a header without a name', 'GET /a HTTP/1.1\r\nHost: h\r\n: x\r\n\r\n', 'REQUEST_MALFORMED'],
  ['a header without a colon', 'GET /a HTTP/1.1\r\nHost: h\r\nX-A\r\n\r\n', 'REQUEST_MALFORMED'],
  ['NUL in a name', 'GET /a HTTP/1.1\r\nHost: h\r\nX\x00A: b\r\n\r\n', 'REQUEST_MALFORMED'],
  ['NUL in the target', 'GET /a\x00 HTTP/1.1\r\nHost: h\r\n\r\n', 'REQUEST_MALFORMED'],
  ['an authority as target', 'GET h:443 HTTP/1.1\r\nHost: h\r\n\r\n', 'REQUEST_MALFORMED'],
  [
    'an absolute target of another host',
    'GET http://other/a HTTP/1.1\r\nHost: h\r\n\r\n',
    'REQUEST_MALFORMED',
  ],
  [
    'CONNECT with a length',
    'CONNECT h:443 HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n',
    'REQUEST_MALFORMED',
  ],
  ['HTTP/0.9', 'GET /a\r\n\r\n', 'REQUEST_MALFORMED'],
  ['HTTP/0.9 with a version', 'GET /a HTTP/0.9\r\nHost: h\r\n\r\n', 'REQUEST_MALFORMED'],
  ['chunks in HTTP/1.0', post('0\r\n\r\n', chunked).replace('1.1', '1.0'), 'REQUEST_MALFORMED'],
  ['HTTP/2.0', 'GET /a HTTP/2.0\r\nHost: h\r\n\r\n', 'REQUEST_MALFORMED'],
  ['HTTP/1.2', 'GET /a HTTP/1.2\r\nHost: h\r\n\r\n', 'REQUEST_MALFORMED'],
  ['a lower-case protocol', 'GET /a http/1.1\r\nHost: h\r\n\r\n', 'REQUEST_MALFORMED'],
  ['an unknown method', 'SMUGGLE /a HTTP/1.1\r\nHost: h\r\n\r\n', 'REQUEST_MALFORMED'],
  [
    'h2c by upgrade',
    post('', 'Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABk'),
    'REQUEST_MALFORMED',
  ],
  [
    'a websocket with a body',
    post('0\r\n\r\n', 'Connection: Upgrade', 'Upgrade: websocket', chunked),
    'REQUEST_MALFORMED',
  ],
  [
    'two expectations',
    post('a', 'Content-Length: 1', 'Expect: 100-continue', 'Expect: 100-continue'),
    'REQUEST_MALFORMED',
  ],
];

async function assertRefused(rig: Rig, text: string, code: ErrorCode): Promise<void> {
  const before = rig.guard.calls.length;
  const got = await rig.raw(text + smuggled, 3_000);
  assert.deepEqual(answersIn(got), [code], got);
  assert.equal(rig.guard.calls.length, before);
}

test('of each shape that reads in two ways one problem is left, and nothing behind it', async (t) => {
  const rig = await startRig(t);
  for (const [what, text, code] of shapes) {
    await t.test(`${what}: ${code}`, () => assertRefused(rig, text, code));
  }
});

for (const method of ['TRACE', 'PROPFIND', 'PURGE', 'M-SEARCH', 'SOURCE', 'QUERY']) {
  test(`${method} is a method of nobody: METHOD_REFUSED, and the connection goes on`, async (t) => {
    const rig = await startRig(t);
    const last = 'GET /b HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n';
    const got = await rig.raw(`${method} /a HTTP/1.1\r\nHost: h\r\n\r\n${last}`);
    assert.deepEqual(answersIn(got), ['METHOD_REFUSED', '200']);
    assert.deepEqual(
      rig.guard.calls.map((call) => call.head.path),
      ['/b'],
    );
  });
}

test('trailers and chunk extensions are dropped: none becomes a header or a body', async (t) => {
  const rig = await startRig(t);
  const trailers = 'X-API-Key: sp_other\r\nX-A: b\r\n';
  const body = `2;x=y\r\nhi\r\n0\r\n${trailers}\r\n`;
  const got = await rig.raw(post(body, chunked, 'Trailer: X-A', 'Connection: close'));
  assert.deepEqual(answersIn(got), ['200']);
  const [call] = rig.guard.calls;
  assert.equal(call?.body.toString(), 'hi');
  assert.equal(call?.head.apiKey, undefined);
  assert.deepEqual(call?.head.headers, { host: 'h' });
});

test('trailers without end: HEADERS_TOO_LARGE', async (t) => {
  const rig = await startRig(t);
  const got = await rig.raw(post(`0\r\n${'X-A: b\r\n'.repeat(5_000)}`, chunked));
  assert.deepEqual(answersIn(got), ['HEADERS_TOO_LARGE']);
  assert.equal(rig.guard.calls.length, 0);
});

test('what stands behind a body of stated length is the next request and no part of it', async (t) => {
  const rig = await startRig(t);
  const last = 'GET /b HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n';
  await rig.raw(post(`abc${last}`, 'Content-Length: 3'));
  const seen = rig.guard.calls.map(({ head, body }) => [head.path, body.toString()]);
  assert.deepEqual(seen.toSorted(), [
    ['/a', 'abc'],
    ['/b', ''],
  ]);
});

test('whatever stands in one header, a request is refused or has exactly one meaning', async (t) => {
  const rig = await startRig(t);
  const name = fc.constantFrom('Content-Length', 'Transfer-Encoding', 'Host', 'Connection', 'X-A');
  const bit = fc.constantFrom(
    '3',
    '0',
    ' ',
    '\t',
    ',',
    ';',
    'chunked',
    '\r',
    '\n',
    '\r\n',
    '\x00',
    ':',
    '\x0b',
    'identity',
    '\xa0',
    'x',
  );
  const value = fc.array(bit, { maxLength: 5 }).map((bits) => bits.join(''));
  const property = fc.asyncProperty(name, value, async (header, text) => {
    const before = rig.guard.calls.length;
    const body = '3\r\nabc\r\n0\r\n\r\n';
    const got = await rig.raw(
      post(body, `${header}: ${text}`, 'Connection: close') + smuggled,
      300,
    );
    const [call, ...more] = rig.guard.calls.slice(before);
    assert.equal(more.length, 0, 'one call at most');
    assert.ok(answersIn(got).length <= 1, got);
    if (call) assert.ok(['', 'abc', '3\r\n'].includes(call.body.toString()));
  });
  await fc.assert(property, { seed: 1, numRuns: 150 });
});
