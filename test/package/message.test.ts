import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MessageHeader } from '@sallyport/shared/exchange/message.ts';
import { newId } from '@sallyport/shared/ids.ts';
import { limits } from '@sallyport/shared/limits.ts';
import * as cbor from '@sallyport/shared/package/cbor.ts';
import {
  decodeHeader,
  encodeHead,
  encodeMessage,
  lengthsBytes,
} from '@sallyport/shared/package/message.ts';
import fc from 'fast-check';

const id = '019b7ca98c887d5789a9c4d733f95ba0';
const encode = (header: MessageHeader): Buffer => encodeHead(header, 0).subarray(lengthsBytes);
const refused = { name: 'SallyportError', code: 'PACKAGE_MESSAGE' };

const heartbeat = { type: 'heartbeat', id, lane: 'a/b/import/bulk', head: 7 } as const;

test('a header has the bytes of the specification', () => {
  const lane = Buffer.from('a/b/import/bulk').toString('hex');
  const expected =
    `82${'69'}${Buffer.from('heartbeat').toString('hex')}a3` +
    `626964${'50'}${id}` +
    `6468656164${'07'}` +
    `646c616e65${'6f'}${lane}`;
  assert.equal(encode(heartbeat).toString('hex'), expected);
});

const text = fc.string({ unit: 'grapheme', maxLength: 40 });
const uint = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const anId = fc.nat({ max: 2 ** 47 }).map((ms) => newId(ms));
const record = <T>(value: fc.Arbitrary<T>) =>
  fc.dictionary(text, value, { maxKeys: 8, noNullPrototype: true });
const ascending = fc
  .uniqueArray(fc.nat(), { maxLength: 20 })
  .map((all) => all.toSorted((a, b) => a - b));
const maybe = <K extends string, T>(name: K, value: fc.Arbitrary<T>) =>
  fc.option(value, { nil: undefined }).map((one) => (one === undefined ? {} : { [name]: one }));

const plain = { noNullPrototype: true } as const;
const headers = fc.oneof(
  fc
    .tuple(
      fc.record(
        {
          type: fc.constant('request' as const),
          id: anId,
          flow: text,
          consumer: text,
          deadlineMs: uint,
          method: text,
          path: text,
          query: fc.array(fc.tuple(text, text), { maxLength: 8 }),
          headers: record(text),
        },
        plain,
      ),
      maybe('traceparent', text),
      maybe('credential', text),
      maybe('token', text),
      maybe(
        'certificates',
        fc.array(
          fc.uint8Array({ maxLength: 40 }).map((der) => Buffer.from(der).toString('base64')),
          { minLength: 1, maxLength: 4 },
        ),
      ),
      maybe(
        'signed',
        fc.record(
          { scheme: fc.constantFrom('http', 'https'), target: text, fields: record(text) },
          plain,
        ),
      ),
      maybe('contentType', text),
    )
    .map((parts) => Object.assign({}, ...parts)),
  fc
    .tuple(
      fc.record(
        {
          type: fc.constant('response' as const),
          id: anId,
          correlationId: anId,
          status: fc.integer({ min: 100, max: 599 }),
          headers: record(text),
          requestDigest: fc.constant('ab'.repeat(32)),
        },
        plain,
      ),
      maybe('error', fc.constant('DEADLINE_PASSED')),
      maybe('masked', record(uint)),
      maybe('steps', record(fc.nat().map((us) => us / 1000))),
    )
    .map((parts) => Object.assign({}, ...parts)),
  fc.record(
    {
      type: fc.constant('receipt' as const),
      id: anId,
      lane: text,
      contiguous: uint,
      beyond: ascending,
      missing: ascending,
    },
    plain,
  ),
);

test('every header decodes to itself and encodes to the same bytes again', () => {
  fc.assert(
    fc.property(headers, (header: MessageHeader) => {
      const bytes = encode(header);
      const decoded = decodeHeader(bytes);
      assert.deepEqual(decoded, header);
      assert.deepEqual(encode(decoded), bytes);
    }),
    { seed: 1, numRuns: 500 },
  );
});

test('a header changed anywhere is refused, or is another header in canonical form', () => {
  fc.assert(
    fc.property(headers, fc.nat(), fc.nat({ max: 255 }), (header: MessageHeader, place, value) => {
      const bytes = Buffer.from(encode(header));
      bytes[place % bytes.length] = value;
      let decoded: MessageHeader;
      try {
        decoded = decodeHeader(bytes);
      } catch (thrown) {
        assert.equal((thrown as { code?: string }).code, 'PACKAGE_MESSAGE');
        return;
      }
      assert.deepEqual(encode(decoded), bytes);
    }),
    { seed: 2, numRuns: 2000 },
  );
});

const good = encode(heartbeat).toString('hex');
const change = (from: string, to: string): string => {
  assert.ok(good.includes(from));
  return good.replace(from, to);
};
const lane = `646c616e656f${Buffer.from('a/b/import/bulk').toString('hex')}`;
const bad: [string, string][] = [
  ['empty', ''],
  ['an array of three', `83${good.slice(2)}00`],
  ['bytes after it', `${good}00`],
  ['a byte too few', good.slice(0, -2)],
  ['an integer in a longer form', change('646865616407', '64686561641807')],
  ['a text length in a longer form', change('646865616407', '7804686561640 7'.replace(' ', ''))],
  ['a negative integer', change('646865616407', '646865616426')],
  ['a float', change('646865616407', '6468656164f94700')],
  ['a bignum', change('646865616407', '6468656164c24107')],
  ['a tagged integer', change('646865616407', '6468656164c107')],
  ['null', change('646865616407', '6468656164f6')],
  ['2^53', change('646865616407', '64686561641b0020000000000000')],
  ['an indefinite text', change('646865616407', '7f6468656164ff07')],
  ['an indefinite map', `${change('a3626964', 'bf626964')}ff`],
  ['a reserved length', change('646865616407', '64686561641c07')],
  ['an unknown field', change('a3626964', 'a4617800626964')],
  ['a missing field', change(lane, '').replace('a3626964', 'a2626964')],
  ['a field twice', change(lane, lane + lane).replace('a3626964', 'a4626964')],
  ['fields in another order', change(`646865616407${lane}`, `${lane}646865616407`)],
  ['a map that says more', change('a3626964', 'a4626964')],
  ['a map that says less', change('a3626964', 'a2626964')],
  ['an id of 15 bytes', change(`50${id}`, `4f${id.slice(2)}`)],
  ['an id of another version', change(id, id.replace('7d57', '4d57'))],
  ['an id as text', change(`50${id}`, `70${id}`)],
  ['bad UTF-8', change('6f612f62', '6fff2f62')],
  ['an unknown type', change('686561727462656174', '686561727462656100')],
  ['a type of every object', `826b${Buffer.from('constructor').toString('hex')}a0`],
  ['a length beyond the bytes', change('6f612f62', '7b00000000ffffffff612f62')],
];
for (const [name, hex] of bad) {
  test(`a header with ${name} is refused`, () => {
    assert.throws(() => decodeHeader(Buffer.from(hex, 'hex')), refused);
  });
}

test('counts above their maximum are refused before anything is allocated', () => {
  const receipt = encode({
    type: 'receipt',
    id,
    lane: 'l',
    contiguous: 0,
    beyond: [],
    missing: [],
  });
  const hex = receipt.toString('hex').replace('6265796f6e6480', '6265796f6e649affffffff');
  assert.notEqual(hex, receipt.toString('hex'));
  assert.throws(() => decodeHeader(Buffer.from(hex, 'hex')), refused);
});

test('lists that do not ascend are refused on both sides', () => {
  const receipt = { type: 'receipt', id, lane: 'l', contiguous: 0, missing: [] } as const;
  assert.throws(() => encode({ ...receipt, beyond: [2, 2] }), refused);
  const hex = encode({ ...receipt, beyond: [2, 3] }).toString('hex');
  assert.throws(() => decodeHeader(Buffer.from(hex.replace('820203', '820302'), 'hex')), refused);
});

const request = {
  type: 'request',
  id,
  flow: 'f',
  consumer: 'c',
  deadlineMs: 1,
  method: 'GET',
  path: '/',
  query: [],
  headers: {},
} as const satisfies MessageHeader;

test('names and texts are written as CBOR has them, whatever their letters', () => {
  const letters = fc.constantFrom('a', 'b', '\x7f', '\x80', 'é', '中', '\uffff', '😀');
  const text = fc.oneof(
    fc.string({ unit: letters, maxLength: 6 }),
    fc.integer({ min: 0, max: 300 }).map((length) => 'x'.repeat(length)),
  );
  const property = fc.property(text, text, (a, b) => {
    const [one, other] = [cbor.encodeText(a), cbor.encodeText(b)];
    const bytes = Buffer.from(a);
    assert.deepEqual(one.subarray(one.length - bytes.length), bytes);
    assert.equal(cbor.readText({ bytes: one, at: 0 }), a);
    assert.equal(Math.sign(cbor.compareKeys(a, b)), Buffer.compare(one, other));
  });
  fc.assert(property, { seed: 5, numRuns: 1000 });
});

test('names that mean something to JavaScript are only names', () => {
  const headers = JSON.parse('{"__proto__":"x","constructor":"y"}');
  const decoded = decodeHeader(encode({ ...request, headers }));
  assert.ok(decoded.type === 'request');
  assert.deepEqual(Object.keys(decoded.headers).sort(), ['__proto__', 'constructor']);
  assert.equal(Object.getPrototypeOf(decoded.headers), Object.prototype);
});

test('what does not fit is not encoded', () => {
  const body = Buffer.alloc(limits.messageBodyBytesMax + 1);
  assert.throws(() => encodeMessage({ header: request, body }), refused);
  const path = 'x'.repeat(limits.messageHeaderBytesMax);
  assert.throws(() => encode({ ...request, path }), refused);
  assert.throws(() => encode({ ...request, deadlineMs: 1.5 }), refused);
  assert.throws(() => encode({ ...request, deadlineMs: -1 }), refused);
  assert.throws(() => encode({ ...request, path: '\ud800' }), refused);
  assert.throws(() => encode({ ...request, id: 'not an id' }), refused);
  const { path: _, ...partial } = request;
  assert.throws(() => encode(partial as unknown as MessageHeader), refused);
});
