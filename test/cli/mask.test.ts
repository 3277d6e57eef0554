/** `sallyport mask`: a document before and after, and files of any size in bounded memory. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { makePeople } from '@sallyport/examples/citizen-registry/people.ts';
import { command, sallyport } from '../demo/command.ts';
import { temporaryFolder } from '../temporary-folder.ts';

const folder = temporaryFolder();
const policy = ['--policy', 'examples/citizen-registry/policy', '--consumer', 'tax-bureau'];
const route = ['--route', 'citizen-registry/get-citizen'];
const people = makePeople(300, 3);
const [citizen = assert.fail()] = people;
const file = (name: string): string => join(folder, name);

before(() => {
  writeFileSync(file('one.json'), JSON.stringify(citizen));
  writeFileSync(file('all.json'), JSON.stringify(people));
  writeFileSync(file('all.ndjson'), people.map((one) => `${JSON.stringify(one)}\n`).join(''));
  writeFileSync(file('broken.ndjson'), `${JSON.stringify(citizen)}\n{"a":1,"a":2}\n`);
});

test('try shows each value before and after, and what does not cross', async () => {
  const { code, stdout } = await sallyport('mask', 'try', ...policy, ...route, file('one.json'));
  assert.equal(code, 0);
  const { phone, idNumber } = citizen;
  assert.match(
    stdout,
    new RegExp(`\\$\\.phone +"${phone}" → "${phone.slice(0, 3)}\\*+${phone.slice(-4)}"`),
  );
  assert.ok(stdout.includes(`"${idNumber}" → "${idNumber.slice(0, 3)}`));
  assert.match(stdout, /\$\.address\.street +"[^"]+" → does not cross/);
});

for (const name of ['all.json', 'all.ndjson']) {
  test(`run masks ${name} record by record, as an answer would be`, async () => {
    const out = file(`out-${name}`);
    const { code, stdout, stderr } = await sallyport(
      'mask',
      'run',
      ...policy,
      ...route,
      file(name),
      out,
    );
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^300 records/);
    assert.match(stderr, /surname \$\.name: 300/);
    const text = readFileSync(out, 'utf8');
    const records: Record<string, unknown>[] = name.endsWith('.json')
      ? JSON.parse(text)
      : text
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line));
    assert.equal(records.length, 300);
    assert.equal(statSync(out).mode & 0o777, 0o600);
    for (const [at, { idNumber, phone, address, name: own, bankCard }] of people.entries()) {
      const left = JSON.stringify(records[at]);
      for (const value of [idNumber, phone, address.street, bankCard, own]) {
        if (value !== undefined) assert.equal(left.includes(`"${value}"`), false);
      }
    }
  });
}

test('run reads and writes CSV, and neutralises formulas', async () => {
  const home = temporaryFolder();
  const schema = {
    type: 'object',
    properties: { name: { type: 'string' }, phone: { type: 'string' }, note: { type: 'string' } },
  };
  writeFileSync(join(home, 'row.json'), JSON.stringify(schema));
  writeFileSync(
    join(home, 'policy.yaml'),
    `services:
  - name: list
    owner: office
    level: general
    upstream: { targets: [ { url: http://127.0.0.1:1 } ] }
    routes:
      - name: rows
        match: { methods: [GET], path: /rows }
        response:
          schema: row.json
          masks: [ { field: $.name, transform: surname } ]
consumers: [ { name: reader, credentials: [ { type: key } ] } ]
grants: [ { consumer: reader, routes: [ list/rows ], fields: [ $ ] } ]
`,
  );
  writeFileSync(file('in.csv'), 'name,phone,note\r\n张三,13800138000,"=1+1"\r\n李四,,ok\r\n');
  const flags = ['--policy', home, '--consumer', 'reader', '--route', 'list/rows'];
  const { code, stderr } = await sallyport(
    'mask',
    'run',
    ...flags,
    file('in.csv'),
    file('out.csv'),
  );
  assert.equal(code, 0, stderr);
  assert.match(stderr, /detect mobile \$\.phone: 1/);
  const rows = readFileSync(file('out.csv'), 'utf8').split('\r\n');
  assert.deepEqual(rows, ['name,note,phone', "张*,'=1+1,***", '李*,ok,', '']);
});

test('a CSV that ends within quotes, or has a row that is longer, is refused', async () => {
  const home = temporaryFolder();
  const schema = { type: 'object', properties: { name: { type: 'string' } } };
  writeFileSync(join(home, 'row.json'), JSON.stringify(schema));
  const route = {
    ...{ name: 'rows', match: { methods: ['GET'], path: '/rows' } },
    response: { schema: 'row.json' },
  };
  const service = {
    ...{ name: 'list', owner: 'office', level: 'general', routes: [route] },
    upstream: { targets: [{ url: 'http://127.0.0.1:1' }] },
  };
  const own = {
    services: [service],
    consumers: [{ name: 'reader', credentials: [{ type: 'key' }] }],
    grants: [{ consumer: 'reader', routes: ['list/rows'], fields: ['$'] }],
  };
  writeFileSync(join(home, 'policy.yaml'), JSON.stringify(own));
  const flags = ['--policy', home, '--consumer', 'reader', '--route', 'list/rows'];
  for (const text of ['name\r\n"open', 'name\r\na,b\r\n']) {
    writeFileSync(file('bad.csv'), text);
    const out = file('never.csv');
    const { code, stderr } = await sallyport('mask', 'run', ...flags, file('bad.csv'), out);
    assert.equal(code, 1, stderr);
    assert.match(stderr, /\[CSV_REFUSED\]/);
    assert.equal(existsSync(out), false);
  }
});

test('where no file can be made or read, one line says so', async () => {
  writeFileSync(file('taken.ndjson.part'), 'of another run');
  const run = (out: string) =>
    sallyport('mask', 'run', ...policy, ...route, file('all.ndjson'), out);
  const tries = [
    await run(join(folder, 'no-folder', 'out.ndjson')),
    await run(file('taken.ndjson')),
    await sallyport('mask', 'try', ...policy, ...route, file('none.json')),
    await sallyport('mask', 'try', ...policy, ...route, folder),
  ];
  for (const { code, stdout, stderr } of tries) {
    assert.deepEqual([code, stdout], [2, ''], stderr);
    assert.match(stderr, /^sallyport: expected a .*file .* got .* \[USAGE\]$/m);
    assert.doesNotMatch(stderr, /\n {2,}at /);
  }
  assert.equal(readFileSync(file('taken.ndjson.part'), 'utf8'), 'of another run');
});

test('a file with a fault leaves nothing behind, and the error holds no value', async () => {
  const out = file('never.ndjson');
  const run = ['mask', 'run', ...policy, ...route];
  const { code, stderr } = await sallyport(...run, file('broken.ndjson'), out);
  assert.equal(code, 1);
  assert.match(stderr, /\[JSON_REFUSED\]/);
  assert.equal(existsSync(out) || existsSync(`${out}.part`), false);
  assert.equal(stderr.includes(citizen.phone), false);
});

test('an existing file is not overwritten, and an unknown ending, consumer or route is refused', async () => {
  const run = (...args: string[]) => sallyport('mask', 'run', ...args);
  const there = await run(...policy, ...route, file('all.json'), file('one.json'));
  assert.deepEqual([there.code, /\[USAGE\]/.test(there.stderr)], [2, true]);
  const ending = await run(
    ...policy,
    ...route,
    file('all.json').replace('.json', '.xyz'),
    file('x.xyz'),
  );
  assert.equal(ending.code, 2);
  const nobody = await run(
    '--policy',
    'examples/citizen-registry/policy',
    '--consumer',
    'nobody',
    ...route,
    file('all.json'),
    file('x.json'),
  );
  assert.match(nobody.stderr, /\[GRANT_MISSING\]/);
  assert.equal(
    readdirSync(folder).some((name) => name.startsWith('x.')),
    false,
  );
});

/** SALLYPORT_MASK_BYTES: the long form; 1000000000 is a gigabyte. */
const bytes = Number(process.env.SALLYPORT_MASK_BYTES ?? 30_000_000);

test(`${bytes} bytes are masked in less than 200 MB`, async () => {
  const lines = people.map((one) => JSON.stringify(one)).join('\n');
  const piece = Buffer.from(`${lines}\n`);
  writeFileSync(file('big.ndjson'), '');
  for (let written = 0; written < bytes; written += piece.length) {
    writeFileSync(file('big.ndjson'), piece, { flag: 'a' });
  }
  const peak = join(import.meta.dirname, 'peak.ts');
  const run = ['mask', 'run', ...policy, ...route, file('big.ndjson'), file('big-out.ndjson')];
  const { code, stderr } = await command(process.execPath, [peak, ...run]);
  assert.equal(code, 0, stderr);
  const [, kib = '0'] = /peak (\d+) KiB/.exec(stderr) ?? [];
  assert.ok(Number(kib) > 1_000 && Number(kib) * 1024 < 200e6, `${kib} KiB`);
});
