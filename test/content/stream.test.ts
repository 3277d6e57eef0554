import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Json } from '@sallyport/shared/content/json.ts';
import { readSchema, type Schema } from '@sallyport/shared/content/schema.ts';
import { csvFault, csvOf, formatCsv, parseCsv } from '@sallyport/shared/content/stream/csv.ts';
import { jsonArray } from '@sallyport/shared/content/stream/json-array.ts';
import { ndjson, parseLines } from '@sallyport/shared/content/stream/ndjson.ts';
import { pieces, type RecordFormat } from '@sallyport/shared/content/stream/record.ts';
import { limits } from '@sallyport/shared/limits.ts';
import fc from 'fast-check';

const person = schemaOf({
  type: 'object',
  properties: {
    active: { type: 'boolean' },
    age: { type: ['integer', 'null'] },
    name: { type: 'string' },
    score: { type: 'number' },
  },
});
const csv = csvOf(person);

function schemaOf(document: unknown): Schema {
  const { schema } = readSchema(document);
  assert.ok(schema);
  return schema;
}

/** Short texts are cut to bits, so that every boundary falls everywhere. */
const cut = (text: string | Buffer): number => (text.length > 10_000 ? 70_000 : 3);

async function* inPieces(text: string | Buffer, size: number): AsyncGenerator<Buffer> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function all(format: RecordFormat, text: string | Buffer, size = cut(text)): Promise<Json[]> {
  const records: Json[] = [];
  for await (const record of format.records(inPieces(text, size))) records.push(record);
  return records;
}

async function written(format: RecordFormat, records: readonly Json[]): Promise<string> {
  async function* source() {
    yield* records;
  }
  const parts: Buffer[] = [];
  for await (const part of format.write(source())) parts.push(part);
  return Buffer.concat(parts).toString();
}

test('texts of records are cut out and joined as records are read and written', async () => {
  const space = fc.constantFrom('', ' ', '\t ');
  const item = fc.tuple(space, fc.json(), space).map((parts) => parts.join(''));
  const joinedTexts = async (format: RecordFormat, text: string): Promise<string> => {
    const { texts = assert.fail() } = format;
    async function* trimmed(): AsyncGenerator<Buffer[]> {
      for await (const group of texts.cut(inPieces(text, cut(text)))) {
        yield group.map((one) => Buffer.from(JSON.stringify(JSON.parse(one.toString()))));
      }
    }
    const parts: Buffer[] = [];
    for await (const part of texts.join(trimmed())) parts.push(part);
    return Buffer.concat(parts).toString();
  };
  await fc.assert(
    fc.asyncProperty(fc.array(item, { maxLength: 12 }), fc.boolean(), async (items, ended) => {
      const values = items.map((one) => JSON.parse(one) as Json);
      const lines = items.map((one) => `${one.replaceAll('\n', '')}\n`).join('');
      const texts = [
        [ndjson, ended ? lines : lines.replace(/\n$/, '')],
        [jsonArray, ` [${items.join(',')}] \n`],
      ] as const;
      for (const [format, text] of texts) {
        assert.equal(await joinedTexts(format, text), await written(format, values), text);
      }
    }),
    { numRuns: 100 },
  );
});

test('records of every format come out as they were written, however they are cut', async () => {
  const text = fc
    .string({ unit: fc.constantFrom('a', '"', ',', '\n', '\r\n', ' ', '张', '😀') })
    .map((tail) => `n${tail}`);
  const record = fc.record(
    { active: fc.boolean(), age: fc.nat(), name: text },
    { noNullPrototype: true },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(record), fc.integer({ min: 1, max: 7 }), async (records, size) => {
      for (const format of [ndjson, jsonArray, csv]) {
        assert.deepEqual(await all(format, await written(format, records), size), records);
      }
    }),
    { seed: 1, numRuns: 150 },
  );
});

test('a document larger than a piece is cut at any place', async () => {
  const records = Array.from({ length: 4000 }, (_, index) => ({
    age: index,
    name: `"张,三\n${index}`,
  }));
  for (const format of [ndjson, jsonArray, csv]) {
    assert.deepEqual(await all(format, await written(format, records), 65_537), records);
  }
});

test('small pieces are gathered into larger ones', async () => {
  const sizes: number[] = [];
  for await (const piece of pieces(inPieces('x'.repeat(200_000), 1000))) sizes.push(piece.length);
  assert.deepEqual(sizes, [66_000, 66_000, 66_000, 2000]);
});

const arrays: readonly (readonly [string, string])[] = [
  ['nothing', ''],
  ['no array', '{"a":1}'],
  ['an array that does not end', '[1,2'],
  ['an empty first item', '[,1]'],
  ['an empty last item', '[1,]'],
  ['an item that is no JSON', '[{]}'],
  ['more after the array', '[1] [2]'],
  ['a comma after the array', '[1],'],
  ['a duplicate name in an item', '[{"a":1,"a":2}]'],
  ['an item over the limit', `["${'a'.repeat(limits.recordBytesMax)}"]`],
];
for (const [name, text] of arrays) {
  test(`a JSON array with ${name} is refused`, async () => {
    await assert.rejects(all(jsonArray, text), { code: 'JSON_REFUSED' });
  });
}

test('an array of nothing, of space and of nested arrays', async () => {
  assert.deepEqual(await all(jsonArray, '[]'), []);
  assert.deepEqual(await all(jsonArray, ' [ \n ] '), []);
  assert.deepEqual(await all(jsonArray, '[[1,"]"],{"a":[{"b":"\\"]"}]}, 3 ]'), [
    [1, ']'],
    { a: [{ b: '"]' }] },
    3,
  ]);
});

const lines: readonly (readonly [string, string])[] = [
  ['an empty line', '1\n\n2\n'],
  ['two texts in a line', '{} {}\n'],
  ['a text over two lines', '{\n}\n'],
  ['a line over the limit', `"${'a'.repeat(limits.recordBytesMax)}"\n`],
  ['an endless line', 'a'.repeat(limits.recordBytesMax + 1)],
  ['a byte order mark', '\ufeff{}\n'],
];
for (const [name, text] of lines) {
  test(`NDJSON with ${name} is refused`, async () => {
    assert.throws(() => parseLines(Buffer.from(text)), { code: 'JSON_REFUSED' });
    await assert.rejects(all(ndjson, text), { code: 'JSON_REFUSED' });
  });
}

test('a row becomes a record by the types of its columns', () => {
  const text = 'name,age,active,score\r\n张三,41,true,1.5\r\n"7",,false,0\n"",7,,\n1,x,yes,1e3';
  assert.deepEqual(parseCsv(Buffer.from(text), person), [
    { name: '张三', age: 41, active: true, score: 1.5 },
    { name: '7', age: null, active: false, score: 0 },
    { name: '', age: 7 },
    { name: '1', age: 'x', active: 'yes', score: '1e3' },
  ]);
});

const broken: readonly (readonly [string, string | Buffer, string])[] = [
  ['no header', '', 'header'],
  ['a name twice in the header', 'name,name\n', 'header'],
  ['a column without a name', 'name,\n', 'name'],
  ['a hidden character in a name', 'na\u200bme\n', 'name'],
  ['a name of Object.prototype', '__proto__\n1\n', 'name'],
  ['a byte order mark', '\ufeffname\n', 'byte-order-mark'],
  ['bad UTF-8', Buffer.from([0x6e, 0x0a, 0xff]), 'utf-8'],
  ['UTF-8 that is cut off', Buffer.from([0x6e, 0x0a, 0xe5, 0xbc]), 'utf-8'],
  ['a row that is too short', 'name,age\na\n', 'columns'],
  ['a row that is too long', 'name\na,b\n', 'columns'],
  ['too many columns', `${','.repeat(limits.csvColumnsMax)}\n`, 'columns'],
  ['a quote in a plain cell', 'name\na"b\n', 'quote'],
  ['text after a quoted cell', 'name\n"a"b\n', 'quote'],
  ['a quoted cell without end', 'name\n"a\n', 'quote'],
  ['a bare carriage return', 'name\na\rb\n', 'control'],
  ['a control character', 'name\na\u0000b\n', 'control'],
  [
    'a row over the limit',
    `name\n"${'a\n'.repeat(limits.recordBytesMax / 2 + 1)}"\n`,
    'row-length',
  ],
];
for (const [name, text, rule] of broken) {
  test(`CSV with ${name} is refused`, async () => {
    const refusal = { code: 'CSV_REFUSED', message: new RegExp(`break of ${rule} in row`) };
    await assert.rejects(all(csv, Buffer.from(text), 70_000), refusal);
  });
}

test('what a spreadsheet would run leaves as text', () => {
  const formulas = ['=1+1', '+1', '-1', '@SUM(A1)', '\tx', '=', '＝1', '＋1', '－1', '＠x'];
  for (const name of formulas) {
    const text = formatCsv([{ name }], person);
    assert.match(text, /^name\r\n"?'/, JSON.stringify(name));
    assert.deepEqual(parseCsv(Buffer.from(text), person), [{ name: `'${name}` }]);
  }
  // Behind what other spreadsheets take for the end of a cell or row: a quoted text is not quoted to them.
  const within = [
    [' =1', "' =1"],
    ['a;=1', "a;'=1"],
    ['a; "=1', `a;' "=1`],
    ['a\n=1', "a\n'=1"],
    ['a\t@x', "a\t'@x"],
    ['\t=1', "'\t'=1"],
    ['a|+1;-1', "a|'+1;'-1"],
    ['a; b - c = d', 'a; b - c = d'],
  ] as const;
  for (const [name, written] of within) {
    const text = formatCsv([{ name }], person);
    assert.deepEqual(parseCsv(Buffer.from(text), person), [{ name: written }]);
  }
  // A number is no text, and an apostrophe is put there once.
  assert.equal(formatCsv([{ age: -1, name: "'=1" }], person), "age,name\r\n-1,'=1\r\n");
});

test('the header has the columns that any record has, in the order of the schema', () => {
  const records = [{ name: 'a' }, { active: true, age: null }];
  assert.equal(formatCsv(records, person), 'active,age,name\r\n,,a\r\ntrue,,\r\n');
  assert.equal(formatCsv([], person), '');
});

test('only objects of plain members can be rows', () => {
  assert.equal(csvFault(person), undefined);
  const nested = { type: 'object', properties: { a: { type: 'array', items: { type: 'null' } } } };
  for (const schema of [{ type: 'string' }, nested, { type: 'object', properties: {} }]) {
    assert.ok(csvFault(schemaOf(schema)));
  }
  assert.throws(() => formatCsv([[]], person), { code: 'CSV_REFUSED' });
});

test('a body has no more records than JSON has members, and a bounded number of cells', () => {
  const lines = (count: number) => Buffer.from('{}\n'.repeat(count));
  assert.equal(parseLines(lines(limits.jsonMembersMax)).length, limits.jsonMembersMax);
  assert.throws(() => parseLines(lines(limits.jsonMembersMax + 1)), { code: 'JSON_REFUSED' });
  const names = Array.from({ length: 1000 }, (_, at) => `c${at}`);
  const rows = (count: number) => Buffer.from(`${names}\n${`${','.repeat(999)}\n`.repeat(count)}`);
  const most = limits.csvCellsMax / 1000 - 1;
  assert.equal(parseCsv(rows(most), person).length, most);
  assert.throws(() => parseCsv(rows(most + 1), person), { message: /a break of cells/ });
});
