/** Files of a node that are damaged, gone, or not what they were: noticed, set aside, told; never ignored. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  globSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { blockAfter } from '@sallyport/shared/audit/chain.ts';
import { homePaths } from '@sallyport/shared/config/home.ts';
import { limits } from '@sallyport/shared/limits.ts';
import { createPruner } from '@sallyport/shared/processes/guard/archive.ts';
import { setAside } from '@sallyport/shared/processes/guard/spool.ts';
import { openHomeStore } from '@sallyport/shared/processes/guard/store.ts';
import { toldFault } from '@sallyport/shared/store/sqlite/fault.ts';
import { openStore } from '@sallyport/shared/store/sqlite/open.ts';
import { isLogWhole } from '@sallyport/shared/store/sqlite/wal.ts';
import Database from 'better-sqlite3';
import { newExchange, outPackage, sealed } from '../contract/store/samples.ts';
import { randomFrom } from '../journey/rig.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { until } from '../until.ts';
import { type Caller, createCaller } from './load.ts';
import { isSettled, pidOf, processesOf, run, startWorld, untilReady, type World } from './world.ts';

const seed = 20261123;
const everyEvent = ['audit', 'show', '--last', '1000000'];
const trusting = async (): Promise<void> => {};
const dir = temporaryFolder();

describe('the store at a start', () => {
  /** A store as `kill -9` leaves it: what was committed is in the log. */
  const crashed = join(dir, 'crashed', 'sallyport.db');
  const commits = 12;
  const nothing = 'a database of nothing';
  let made = 0;

  before(async () => {
    const live = join(dir, 'live.db');
    mkdirSync(dirname(crashed));
    const store = openStore(live);
    for (let sequence = 1; sequence <= commits; sequence += 1) {
      await store.write((tx) => {
        tx.appendOutbound(outPackage(sequence), sealed);
        tx.acceptExchange(newExchange(sequence));
        tx.appendAudit(blockAfter(store.auditHead(), sequence, ['{"event":"start","atMs":1}']));
      });
    }
    // Copied by another process: a lock goes when this one closes any descriptor of the file.
    execFileSync('cp', [live, crashed]);
    execFileSync('cp', [`${live}-wal`, `${crashed}-wal`]);
    writeFileSync(`${crashed}.made`, '');
    store.close();
  });

  const copy = (): string => {
    const file = join(dir, `copy-${made++}`, 'sallyport.db');
    mkdirSync(dirname(file));
    for (const end of ['', '-wal', '.made']) copyFileSync(crashed + end, file + end);
    return file;
  };
  /** Everything in the log is in the file. */
  const closed = (): string => {
    const file = copy();
    openStore(file).close();
    return file;
  };
  /** Refused twice, the second time because it is gone; every byte lies aside. */
  const assertSetAside = async (file: string, what: string): Promise<void> => {
    const bytes = readFileSync(file);
    const refusal = { code: 'STORE_DAMAGED', hint: /faults\.md/, message: /it lies in / };
    await assert.rejects(openHomeStore(file, trusting), refusal, what);
    const [place = ''] = globSync(join(dirname(file), 'damaged-*'));
    const aside = readFileSync(join(place, 'sallyport.db'));
    assert.ok(aside.equals(bytes) || what === nothing, `${what}: as it was`);
    assert.equal(existsSync(file), false);
    const gone = { code: 'STORE_DAMAGED', message: /got none/ };
    await assert.rejects(openHomeStore(file, trusting), gone, `${what}, the second time`);
    assert.equal(existsSync(file), false, 'no empty store takes its place');
  };

  test('as a crash leaves it, it opens with all that was committed', async () => {
    const store = await openHomeStore(copy(), trusting);
    assert.equal(store.outLanes()[0]?.head, commits);
    store.close();
  });

  test('with a header, a page or its length not as it was, it is set aside', async () => {
    const random = randomFrom(seed);
    const { size } = statSync(closed());
    const damages: [string, (file: string) => void][] = [
      ['header', (file) => overwrite(file, 0, 16)],
      ['half its length', (file) => truncateSync(file, size / 2)],
      ['text', (file) => writeFileSync(file, 'this was a store\n'.repeat(1000))],
      ['another database', (file) => makeForeign(file, 'CREATE TABLE theirs (a)')],
      ['zero length', (file) => truncateSync(file, 0)],
      [nothing, (file) => makeForeign(file, 'VACUUM')],
      ...Array.from({ length: 8 }, (_, index): [string, (file: string) => void] => {
        const page = 8192 * (1 + Math.floor(random() * (size / 8192 - 1)));
        return [`page at ${page}, ${index}`, (file) => overwrite(file, page, 512)];
      }),
    ];
    for (const [what, damage] of damages) {
      const file = closed();
      damage(file);
      await assertSetAside(file, what);
    }
  });

  test('a log with a flipped bit is noticed wherever two commits follow; SQLite would cut it', async (t) => {
    const random = randomFrom(seed);
    const { size } = statSync(`${crashed}-wal`);
    let noticed = 0;
    for (let round = 0; round < 60; round += 1) {
      const file = copy();
      const at = Math.floor(random() * size);
      flipBit(`${file}-wal`, at);
      const opened = await openHomeStore(file, trusting).catch(({ code }) => code);
      if (opened === 'STORE_DAMAGED') {
        noticed += 1;
        continue;
      }
      const head = opened.outLanes()[0]?.head;
      opened.close();
      assert.ok(head >= commits - 2, `flipped at ${at} of ${size}: ${head} of ${commits} left`);
    }
    t.diagnostic(`${noticed} of 60 flips noticed, the others in the last two commits`);
    assert.ok(noticed > 40);
  });

  test('a log that is torn in its last commit is no damage, wherever it is torn', () => {
    const { size } = statSync(`${crashed}-wal`);
    const file = `${copy()}-wal`;
    for (let bytes = size - 1; bytes > size - 30_000; bytes -= 997) {
      truncateSync(file, bytes);
      assert.equal(isLogWhole(file), true, `${bytes} bytes`);
    }
    assert.equal(isLogWhole(join(dir, 'no-such-log')), true);
  });

  test('a log whose header does not fit is damage: all that it holds would be forgotten', async () => {
    const file = copy();
    flipBit(`${file}-wal`, 17);
    await assertSetAside(file, 'log header');
  });

  test('an index of the log that is garbage is not read at all', async () => {
    const file = copy();
    writeFileSync(`${file}-shm`, Buffer.alloc(32_768, 0xa5));
    const store = await openHomeStore(file, trusting);
    assert.equal(store.outLanes()[0]?.head, commits);
    store.close();
  });

  test('one of another release stays where it is', async () => {
    const file = closed();
    const db = new Database(file);
    db.pragma('user_version = 999');
    db.close();
    await assert.rejects(openHomeStore(file, trusting), { code: 'STORE_VERSION', hint: /newer/ });
    assert.equal(existsSync(file), true);
  });

  test('damage that shows later is told to whoever opened the store', () => {
    const told: string[] = [];
    for (const code of ['SQLITE_CORRUPT', 'SQLITE_CORRUPT_INDEX', 'SQLITE_FULL', 'SQLITE_IOERR']) {
      toldFault({ code }, (damage) => void told.push(damage.code));
    }
    assert.deepEqual(told, ['STORE_DAMAGED', 'STORE_DAMAGED']);
  });
});

describe('two nodes', () => {
  let world: World;
  let caller: Caller;
  before(async () => {
    world = await startWorld();
    caller = createCaller(world);
  });
  after(async () => {
    caller?.close();
    await world?.close();
  });
  const read = async (): Promise<number> => (await caller.call('GET', '/citizens/c-000001')).status;
  const kill = async (home: string): Promise<void> => {
    const { supervisor, processes } = processesOf(home);
    process.kill(supervisor, 'SIGKILL');
    const pids = Object.values(processes).map(({ pid }) => pid ?? 0);
    await until(() => !pids.some((pid) => existsSync(`/proc/${pid}/stat`)));
  };

  test('what lies in a spool and is no package is set aside and told, and calls go on', async () => {
    const { spoolIn, spoolRefused, archiveIn } = homePaths(world.pair.inner);
    assert.equal(await read(), 200);
    const crossed = globSync(join(archiveIn, '*', '*.stp'))[0] ?? '';
    const bytes = readFileSync(crossed);
    const name = (index: number): string =>
      `interactive-0000000009${index}0-0198c0de00007000800000000000000${index}.stp`;
    writeFileSync(join(spoolIn, name(1)), flipped(bytes, 700));
    writeFileSync(join(spoolIn, name(2)), bytes.subarray(0, 100));
    writeFileSync(join(spoolIn, name(3)), '');
    mkdirSync(join(spoolIn, name(4), 'deeper'), { recursive: true });
    symlinkSync('/etc/passwd', join(spoolIn, name(5)));
    writeFileSync(join(spoolIn, 'somebody-elses.txt'), 'left here');
    // The guard looks at what is there when it starts, as when the mover tells of it.
    const guard = pidOf(world.pair.inner, 'guard');
    process.kill(guard, 'SIGKILL');
    await until(() => readdirSync(spoolIn).length === 0);
    const kept = readdirSync(spoolRefused);
    for (const one of [name(1), name(2), name(3), name(4), name(5), 'somebody-elses.txt']) {
      assert.ok(kept.includes(one), `${one} of ${kept}`);
    }
    await untilReady(world.pair.inner);
    assert.equal(await read(), 200);
    const shown = await world.pair.sallyport(...everyEvent, '--dir', world.pair.inner);
    for (const code of ['PACKAGE_SIGNATURE', 'PACKAGE_TRUNCATED', 'CHANNEL_FRAME']) {
      assert.match(shown, new RegExp(code));
    }
  });

  test('packages that were damaged in the spool of their sender still cross', async () => {
    const { spoolOut } = homePaths(world.pair.outer);
    await kill(world.pair.inner);
    const calls = await Promise.all(
      Array.from({ length: 6 }, async (_, index) => {
        await new Promise((done) => setTimeout(done, index * 60));
        return caller.call('GET', '/citizens/c-000002', { headers: { prefer: 'respond-async' } });
      }),
    );
    for (const { status } of calls) assert.equal(status, 202);
    const names = readdirSync(spoolOut).filter((one) => one.endsWith('.stp'));
    assert.ok(names.length >= 3, `${names.length} packages wait`);
    for (const [index, one] of names.entries()) {
      const file = join(spoolOut, one);
      if (index % 3 === 0) truncateSync(file, 100);
      else if (index % 3 === 1) writeFileSync(file, flipped(readFileSync(file), 3000));
      else rmSync(file);
    }
    await world.stop('outer');
    world.start('outer');
    world.start('inner');
    await Promise.all([untilReady(world.pair.outer), untilReady(world.pair.inner)]);
    await until(() => isSettled(world.pair));
    for (const { headers } of calls) {
      await until(async () => (await caller.call('GET', String(headers.location))).status === 200);
    }
  });

  test('a store that is older than what crossed is refused, and so is an empty one', async () => {
    const { inner } = world.pair;
    const { database } = homePaths(inner);
    await world.stop('inner');
    const backup = readFileSync(database);
    world.start('inner');
    await untilReady(inner);
    await until(async () => (await read()) === 200);
    await until(() => isSettled(world.pair));
    await world.stop('inner');
    const whole = readFileSync(database);
    for (const [what, bytes] of Object.entries({ backup, zero: Buffer.alloc(0) })) {
      writeFileSync(database, bytes);
      const { ended, said } = run(inner);
      assert.equal(await ended, 1, what);
      assert.match(said(), /guard: expected .*it lies in \S*damaged-\S+ \[STORE_DAMAGED\]/, what);
      assert.match(said(), /hint: .*The store is damaged/, what);
      assert.equal(existsSync(database), false, 'nothing takes its place');
    }
    const { ended, said } = run(inner);
    assert.equal(await ended, 1);
    assert.match(said(), /got none \[STORE_DAMAGED\]/);
    writeFileSync(database, whole, { mode: 0o600 });
    world.start('inner');
    await untilReady(inner);
    await until(async () => (await read()) === 200);
  });
});

describe('folders that fill', () => {
  test('of what was refused the oldest go, whatever they are called', () => {
    const [from, refused] = [join(dir, 'from'), join(dir, 'refused')];
    for (const one of [from, refused]) mkdirSync(one);
    const names = Array.from({ length: limits.refusedPackagesMax + 3 }, (_, at) => `z-${1e6 - at}`);
    for (const name of [...names, 'a-directory']) {
      if (name === 'a-directory') mkdirSync(join(from, name));
      else writeFileSync(join(from, name), name);
      setAside(from, name, refused);
    }
    writeFileSync(join(from, 'a-directory'), 'again, another thing');
    setAside(from, 'a-directory', refused);
    const kept = readdirSync(refused);
    assert.equal(kept.length, limits.refusedPackagesMax);
    assert.equal(kept.filter((name) => name.startsWith('a-directory')).length, 2);
    assert.deepEqual(
      names.slice(0, 4).filter((name) => kept.includes(name)),
      [],
    );
  });

  test('hours that did not change are not measured again, and too much goes by whole hours', async () => {
    const archive = join(dir, 'archive');
    const hours = ['2026-11-01T00', '2026-11-01T01', '2026-11-01T02'];
    const nowMs = Date.parse('2026-11-01T02:30:00Z');
    for (const hour of hours) {
      mkdirSync(join(archive, hour), { recursive: true });
      writeFileSync(join(archive, hour, 'one'), '');
      truncateSync(join(archive, hour, 'one'), Math.floor(limits.archiveBytesMax / 2.5));
    }
    const pruner = createPruner(archive);
    await pruner.prune(nowMs);
    assert.deepEqual(readdirSync(archive), hours.slice(1));
    // Growth without a new name: what is measured once is not looked at again.
    truncateSync(join(archive, '2026-11-01T01', 'one'), limits.archiveBytesMax);
    await pruner.prune(nowMs);
    assert.deepEqual(readdirSync(archive), hours.slice(1));
    writeFileSync(join(archive, '2026-11-01T01', 'two'), '');
    await pruner.prune(nowMs);
    assert.deepEqual(readdirSync(archive), hours.slice(2));
    await pruner.prune(nowMs + limits.archiveAgeMs + 3_600_000);
    assert.deepEqual(readdirSync(archive), hours.slice(2), 'the last hour stays');
  });
});

function overwrite(file: string, from: number, bytes: number): void {
  const all = readFileSync(file);
  all.fill(0xa5, from, from + bytes);
  writeFileSync(file, all);
}

const flipped = (bytes: Buffer, at: number): Buffer => {
  const other = Buffer.from(bytes);
  other[at] = (other[at] ?? 0) ^ 0x10;
  return other;
};

function flipBit(file: string, at: number): void {
  writeFileSync(file, flipped(readFileSync(file), at));
}

function makeForeign(file: string, sql: string): void {
  rmSync(file);
  new Database(file).exec(sql).close();
}
