/** What crossed in a demo, looked at with stock tools, and what stayed behind on the disks of both nodes. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { after, before, test } from 'node:test';
import { type Citizen, makePeople } from '@sallyport/examples/citizen-registry/people.ts';
import { homePaths } from '@sallyport/shared/config/home.ts';
import { readHome } from '@sallyport/shared/config/read-home.ts';
import Database from 'better-sqlite3';
import { temporaryFolder } from '../temporary-folder.ts';
import { type Begun, beginSallyport, command, sallyport } from './command.ts';

const people = makePeople(5000, 1);
const citizen = people[122] ?? assert.fail('expected citizen c-000123');
const district = people.filter(({ address }) => address.district === citizen.address.district);
/** Everybody whose record a consumer asked for. */
const asked = [citizen, ...district.slice(0, 2)];

const dir = temporaryFolder();
const homes = { outer: join(dir, 'outer'), inner: join(dir, 'inner') };
let demo: Begun;
let shown: string;

before(async () => {
  demo = beginSallyport('demo', '--hsm', 'soft', '--dir', dir);
  shown = await demo.says('Ctrl-C stops them');
});
after(async () => {
  demo.child.kill('SIGINT');
  await demo.done;
});

function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((file) => statSync(file, { throwIfNoEntry: false })?.isFile() === true)
    .sort();
}

const sentBy = (role: 'outer' | 'inner'): string[] =>
  filesIn(homePaths(homes[role]).archiveOut).filter((file) => file.endsWith('.stp'));

const both = [
  ['outer', 'inner'],
  ['inner', 'outer'],
] as const;

test('a package is a plain tar whose entries have their places', async () => {
  for (const [sender] of both) {
    const files = sentBy(sender);
    assert.ok(files.length >= 4, `${files.length} packages of the ${sender} node`);
    for (const file of files) {
      const { code, stdout } = await command('tar', ['-tf', file]);
      assert.equal(code, 0);
      const [first, second, ...segments] = stdout.trim().split('\n');
      assert.deepEqual([first, second], ['manifest.p7m', 'keys.p7m']);
      assert.ok(segments.length >= 1);
      for (const [index, name] of segments.entries()) {
        assert.equal(Number(/^seg\/(\d{8})\.p7m$/.exec(name)?.[1]), index, name);
      }
    }
  }
});

test('openssl alone verifies who sealed it', async () => {
  for (const [sender, other] of both) {
    const [file = ''] = sentBy(sender);
    const manifest = join(dir, `${sender}.p7m`);
    await command('tar', ['-xf', file, '-C', dir, 'manifest.p7m']);
    writeFileSync(manifest, readFileSync(join(dir, 'manifest.p7m')));
    const verify = (ca: string) =>
      command('openssl', [
        ...['cms', '-verify', '-binary', '-inform', 'DER', '-in', manifest],
        ...['-CAfile', homePaths(homes[ca as typeof sender]).certificate('ca'), '-purpose', 'any'],
      ]);
    const good = await verify(sender);
    assert.equal(good.code, 0, good.stderr);
    assert.match(good.stdout, new RegExp(`"sender":"${sender}-1"`));
    assert.notEqual((await verify(other)).code, 0, 'not by the CA of the other node');
  }
});

test('package verify and inspect agree; one flipped byte is refused with its code', async () => {
  for (const [sender, other] of both) {
    const [file = ''] = sentBy(sender);
    const verified = await sallyport('package', 'verify', '--home', homes[other], file, '--json');
    const inspected = await sallyport('package', 'inspect', file, '--json');
    assert.deepEqual([verified.code, inspected.code], [0, 0], verified.stderr);
    const { verified: yes, ...one } = JSON.parse(verified.stdout);
    const { verified: no, ...two } = JSON.parse(inspected.stdout);
    assert.deepEqual([yes, no], [true, false]);
    assert.deepEqual(one, two);
    const bytes = readFileSync(file);
    for (const part of [0.05, 0.3, 0.55, 0.7]) {
      const torn = Buffer.from(bytes);
      const at = torn.findIndex((byte, index) => index > part * bytes.length && byte !== 0);
      torn[at] = (torn[at] ?? 0) ^ 1;
      const path = join(dir, 'flipped.stp');
      writeFileSync(path, torn);
      const { code, stderr } = await sallyport('package', 'verify', '--home', homes[other], path);
      assert.equal(code, 1, `byte ${at} of ${bytes.length}`);
      assert.match(stderr, /\[PACKAGE_[A-Z]+\]/);
    }
  }
});

test('no raw value, key or PIN is where it does not belong, while the nodes run', async () => {
  for (const role of ['outer', 'inner'] as const) {
    const { management } = readHome(homes[role]).config;
    const response = await fetch(`http://${management.host}:${management.port}/metrics`);
    assertClean('metrics', Buffer.from(await response.text()));
    const audit = await sallyport(
      'audit',
      'show',
      '--dir',
      homes[role],
      '--json',
      '--last',
      '9999',
    );
    assert.ok(audit.stdout.split('\n').length > 20);
    assertClean('audit', Buffer.from(audit.stdout));
    const status = await sallyport('status', '--dir', homes[role], '--json');
    assertClean('status', Buffer.from(status.stdout));
  }
  assertHomesClean();
});

test('the audit chain is intact, running and stopped; one byte changed shows', async () => {
  const verify = (home: string) => sallyport('audit', 'verify', '--dir', home, '--json');
  for (const home of Object.values(homes)) await assertIntact(verify(home));
  demo.child.kill('SIGINT');
  assert.equal((await demo.done).code, 0);
  for (const home of Object.values(homes)) await assertIntact(verify(home));
  assertHomesClean();
  for (const home of Object.values(homes)) {
    const blocks = changeOneByte(homePaths(home).database);
    const { code, stdout, stderr } = await verify(home);
    assert.equal(code, 1);
    assert.match(stderr, /\[AUDIT_BROKEN\]/);
    const { ok, firstFault } = JSON.parse(stdout);
    assert.equal(ok, false);
    assert.equal(firstFault.sequence, blocks);
  }
});

async function assertIntact(verifying: ReturnType<typeof sallyport>): Promise<void> {
  const { code, stdout, stderr } = await verifying;
  assert.equal(code, 0, stderr);
  const { ok, blocks, events } = JSON.parse(stdout);
  assert.equal(ok, true);
  assert.ok(blocks > 5 && events > 20, stdout);
}

/** Changes one byte of one event in the store of a stopped node; returns the block's sequence. */
function changeOneByte(file: string): number {
  const db = new Database(file);
  try {
    const middle = db.prepare('SELECT max(sequence) / 2 FROM audit_block').pluck().get() as number;
    const read = db.prepare('SELECT events FROM audit_block WHERE sequence = ?').pluck();
    const events = Buffer.from(read.get(middle) as Buffer);
    const at = events.indexOf('"event"') + 1;
    events[at] = (events[at] ?? 0) ^ 1;
    db.prepare('UPDATE audit_block SET events = ? WHERE sequence = ?').run(events, middle);
    return middle;
  } finally {
    db.close();
  }
}

/** Values as they must not be found, by what they are. */
function secrets(): [string, string][] {
  const values = asked.flatMap((person) => rawValues(person));
  assert.ok(shown.includes(citizen.idNumber), 'the source really has these values');
  const pins = Object.values(homes).map((home) => readFileSync(homePaths(home).pin, 'utf8').trim());
  const keys = shown.match(/sp_[0-9a-f]{12}_[\w-]{20,}/g) ?? [];
  assert.ok(keys.length > 0, 'the demo showed a key');
  return [
    ...values,
    ['street of a change', '示例路 1 号'],
    ...pins.map((pin): [string, string] => ['PIN', pin]),
    ...keys.map((key): [string, string] => ['API key', key]),
  ];
}

function rawValues(person: Citizen): [string, string][] {
  const { name, idNumber, phone, landline, email, bankCard, address } = person;
  const values = { name, idNumber, phone, landline, email, bankCard, street: address.street };
  return Object.entries(values).flatMap(([what, value]): [string, string][] =>
    value === undefined ? [] : [[`${person.id} ${what}`, value]],
  );
}

/** All that both nodes keep, but for the PIN files themselves; packages are sealed, so they count too. */
function assertHomesClean(): void {
  for (const home of Object.values(homes)) {
    const files = filesIn(home).filter((file) => file !== homePaths(home).pin);
    const kept = files.map((file) => relative(home, file));
    for (const expected of ['log/guard.log', 'run/processes.json', 'data/sallyport.db']) {
      assert.ok(kept.includes(expected), expected);
    }
    for (const file of files) assertClean(relative(dir, file), readFileSync(file));
  }
}

function assertClean(where: string, bytes: Buffer): void {
  for (const [what, value] of secrets()) {
    assert.equal(bytes.includes(value), false, `${what} is in ${where}`);
    const encoded = Buffer.from(value).toString('base64').replace(/=+$/, '');
    assert.equal(bytes.includes(encoded), false, `${what} is in ${where} as base64`);
  }
}
