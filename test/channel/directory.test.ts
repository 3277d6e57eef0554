/** What a hostile or slow ferry can put into a pick-up folder. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { basename, join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Convention } from '@sallyport/shared/channel/directory/finished.ts';
import { createDirectoryReceiver } from '@sallyport/shared/channel/directory/receiver.ts';
import { createDirectorySender } from '@sallyport/shared/channel/directory/sender.ts';
import type { SpoolBounds } from '@sallyport/shared/channel/room.ts';
import { limits } from '@sallyport/shared/limits.ts';
import type { ChannelReceiver } from '@sallyport/shared/ports.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { until } from '../until.ts';
import { type Collector, createCollector, packageName, writePackageFile } from './collector.ts';

interface Open {
  readonly pickupDir: string;
  readonly spoolDir: string;
  readonly collector: Collector;
  readonly receiver: ChannelReceiver;
}

/** Longer than a busy machine holds up a ferry between two parts. */
const stableMs = 1_000;

async function open(
  t: TestContext,
  convention: Convention = 'rename',
  bounds: Partial<SpoolBounds> = {},
  pickupDir: string = temporaryFolder(),
): Promise<Open> {
  const spoolDir = temporaryFolder();
  const collector = createCollector(spoolDir);
  const receiver = await createDirectoryReceiver({
    pickupDir,
    sink: collector.sink,
    convention,
    stableMs,
    bounds: { ...limits, ...bounds },
  });
  t.after(() => receiver.close());
  return { pickupDir, spoolDir, collector, receiver };
}

const hostile: [string, (path: string, elsewhere: string) => void][] = [
  [
    'a symbolic link to a file',
    (path, elsewhere) => {
      writeFileSync(join(elsewhere, 'secret'), 'secret');
      symlinkSync(join(elsewhere, 'secret'), path);
    },
  ],
  ['a symbolic link to a folder', (path, elsewhere) => symlinkSync(elsewhere, path)],
  ['a dangling symbolic link', (path) => symlinkSync('/nowhere', path)],
  ['a folder', (path) => mkdirSync(path)],
  ['a pipe', (path) => void execFileSync('mkfifo', [path])],
  [
    'a file with a second hard link',
    (path, elsewhere) => {
      writeFileSync(join(elsewhere, 'second'), 'x');
      linkSync(join(elsewhere, 'second'), path);
    },
  ],
  ['an empty file', (path) => writeFileSync(path, '')],
  [
    'a file above the bound',
    (path) => {
      writeFileSync(path, '');
      truncateSync(path, 1001);
    },
  ],
];
describe('directory', { concurrency: true }, () => {
  for (const [what, put] of hostile) {
    test(`${what} is refused and set aside, and the next package arrives`, async (t) => {
      const elsewhere = temporaryFolder();
      const { pickupDir, spoolDir, collector } = await open(t, 'rename', { packageBytesMax: 1000 });
      const name = packageName(1);
      put(join(elsewhere, name), elsewhere);
      renameSync(join(elsewhere, name), join(pickupDir, name));
      await until(() => collector.refusals.length > 0);
      writePackageFile(pickupDir, 2);
      await until(() => collector.names.length === 1);
      await until(() => readdirSync(pickupDir).join() === 'refused');
      assert.equal(readdirSync(join(pickupDir, 'refused')).length, 1);
      assert.deepEqual(
        collector.refusals.map(({ code }) => code),
        ['CHANNEL_FRAME'],
      );
      assert.deepEqual(readdirSync(spoolDir), collector.names);
    });
  }

  test('a socket is refused', async (t) => {
    const { pickupDir, collector } = await open(t);
    const server = createServer();
    server.listen(join(pickupDir, packageName(1)));
    t.after(() => server.close());
    await until(() => collector.refusals.length > 0);
    assert.equal(collector.refusals[0]?.code, 'CHANNEL_FRAME');
  });

  test('strange names are refused, shown harmlessly, and never become paths', async (t) => {
    const { pickupDir, spoolDir, collector } = await open(t);
    const names = ['notes.txt', 'line\nbreak', `${packageName(1)}.exe`, 'x'.repeat(200), '..stp..'];
    const visible = names.filter((name) => !name.startsWith('.'));
    for (const name of names) writeFileSync(join(pickupDir, name), 'x');
    await until(() => collector.refusals.length === visible.length);
    assert.ok(collector.refusals.every(({ code }) => code === 'CHANNEL_FRAME'));
    assert.ok(
      collector.refusals.every(({ detail }) => !detail.includes('\n') && detail.length < 200),
    );
    assert.deepEqual(readdirSync(spoolDir), []);
  });

  test('a name that is not UTF-8 is refused once and left lying', async (t) => {
    const { pickupDir, collector } = await open(t);
    writeFileSync(Buffer.concat([Buffer.from(`${pickupDir}/`), Buffer.from([0xff, 0xfe])]), 'x');
    await until(() => collector.refusals.length > 0);
    await sleep(2 * limits.directorySweepMs);
    assert.equal(collector.refusals.length, 1);
  });

  test('the refused folder holds so many; the rest is told once and stays', async (t) => {
    const { pickupDir, collector } = await open(t);
    const count = limits.directoryRefusedMax + 5;
    for (let index = 0; index < count; index += 1)
      writeFileSync(join(pickupDir, `bad ${index}`), '');
    await until(() => collector.refusals.length === count);
    await sleep(2 * limits.directorySweepMs);
    assert.equal(collector.refusals.length, count);
    assert.equal(readdirSync(join(pickupDir, 'refused')).length, limits.directoryRefusedMax);
    writePackageFile(pickupDir, 1);
    await until(() => collector.names.length === 1);
  });

  test('a link in the place of the refused folder is not followed', async (t) => {
    const pickupDir = temporaryFolder();
    const elsewhere = temporaryFolder();
    symlinkSync(elsewhere, join(pickupDir, 'refused'));
    writeFileSync(join(pickupDir, 'bad'), 'x');
    const { collector } = await open(t, 'rename', {}, pickupDir);
    await until(() => collector.refusals.length > 0);
    await sleep(50);
    assert.deepEqual(readdirSync(elsewhere), []);
    assert.ok(existsSync(join(pickupDir, 'bad')));
  });

  test('rename: a temporary name is left alone until it gets its final one', async (t) => {
    const { pickupDir, collector } = await open(t);
    const name = packageName(1);
    const temporary = join(pickupDir, `.${name}.tmp`);
    for (let part = 0; part < 5; part += 1) {
      appendFileSync(temporary, `part ${part} `);
      await sleep(20);
    }
    assert.deepEqual(collector.names, []);
    renameSync(temporary, join(pickupDir, name));
    await until(() => collector.names.length === 1);
    assert.deepEqual(collector.refusals, []);
  });

  test('stable: a file that a slow ferry still writes is not taken', async (t) => {
    const { pickupDir, spoolDir, collector } = await open(t, 'stable');
    const name = packageName(1);
    const startedMs = performance.now();
    for (let part = 0; performance.now() - startedMs < 2 * stableMs; part += 1) {
      appendFileSync(join(pickupDir, name), `part ${part} `);
      await sleep(80);
      assert.deepEqual(collector.names, []);
    }
    appendFileSync(join(pickupDir, name), 'the last part');
    await until(() => collector.names.length === 1);
    assert.ok(readFileSync(join(spoolDir, name), 'utf8').endsWith('the last part'));
    await until(() => !existsSync(join(pickupDir, name)));
  });

  test('marker: one that an earlier delivery left vouches for nothing, and goes', async (t) => {
    const { pickupDir, spoolDir, collector } = await open(t, 'marker');
    const name = packageName(1);
    const stale = join(pickupDir, `${name}.done`);
    writeFileSync(stale, '');
    const earlier = new Date(Date.now() - 1000);
    utimesSync(stale, earlier, earlier);
    const file = join(pickupDir, name);
    writeFileSync(file, 'first half, ');
    await sleep(2 * limits.directorySweepMs);
    assert.deepEqual(collector.names, [], 'a half that lies beside an old marker is not taken');
    appendFileSync(file, 'second half');
    writeFileSync(stale, '');
    await until(() => collector.names.length === 1);
    assert.equal(readFileSync(join(spoolDir, name), 'utf8'), 'first half, second half');
    writeFileSync(stale, '');
    const old = new Date(Date.now() - 2 * limits.directoryMarkerMs);
    utimesSync(stale, old, old);
    await until(() => readdirSync(pickupDir).length === 0);
  });

  test('marker: a file is taken when its marker is there, and both are removed', async (t) => {
    const { pickupDir, spoolDir, collector } = await open(t, 'marker');
    const file = writePackageFile(pickupDir, 1, 'first half, ');
    await sleep(2 * limits.directorySweepMs);
    assert.deepEqual(collector.names, []);
    appendFileSync(file, 'second half');
    writeFileSync(`${file}.done`, '');
    await until(() => collector.names.length === 1);
    await until(() => readdirSync(pickupDir).length === 0);
    assert.equal(readFileSync(join(spoolDir, basename(file)), 'utf8'), 'first half, second half');
    assert.deepEqual(collector.refusals, []);
  });

  test('what was there before the start is taken, in order', async (t) => {
    const pickupDir = temporaryFolder();
    const files = [3, 1, 2].map((sequence) => writePackageFile(pickupDir, sequence));
    const { collector } = await open(t, 'rename', {}, pickupDir);
    await until(() => collector.names.length === 3);
    assert.deepEqual(collector.names, files.map((file) => basename(file)).sort());
  });

  test('a pick-up folder that is missing is waited for', async (t) => {
    const pickupDir = join(temporaryFolder(), 'mount');
    const { collector, receiver } = await open(t, 'rename', {}, pickupDir);
    await until(() => receiver.status().state === 'down');
    mkdirSync(pickupDir);
    writePackageFile(pickupDir, 1);
    await until(() => collector.names.length === 1);
    await until(() => receiver.status().state === 'up');
  });

  test('a drop-off folder that goes away and comes back is noticed', async (t) => {
    const dropDir = join(temporaryFolder(), 'mount');
    const events: string[] = [];
    const sender = createDirectorySender({
      dropDir,
      events: {
        up: (clean) => void events.push(clean ? 'up again' : 'up'),
        down: ({ code }) => void events.push(code),
      },
    });
    t.after(() => sender.close());
    const file = writePackageFile(temporaryFolder(), 1);
    await until(() => events.length === 1);
    await assert.rejects(sender.send(file), { code: 'CHANNEL_LOST' });
    mkdirSync(dropDir);
    await until(() => events.length === 2);
    await sender.send(file);
    assert.deepEqual(readdirSync(dropDir), [basename(file)]);
    rmSync(dropDir, { recursive: true });
    await assert.rejects(sender.send(file), { code: 'CHANNEL_LOST' });
    await until(() => events.length === 3);
    mkdirSync(dropDir);
    await until(() => events.length === 4);
    assert.deepEqual(events, ['CHANNEL_LOST', 'up', 'CHANNEL_LOST', 'up again']);
  });

  test('a drop-off folder that nobody empties is CHANNEL_FULL, not a flood', async (t) => {
    const dropDir = temporaryFolder();
    const bounds = { ...limits, spoolPackagesMax: 2 };
    const sender = createDirectorySender({ dropDir, bounds, events: { up() {}, down() {} } });
    t.after(() => sender.close());
    const out = temporaryFolder();
    await until(() => sender.status().state === 'up');
    await sender.send(writePackageFile(out, 1));
    await sender.send(writePackageFile(out, 2));
    const third = writePackageFile(out, 3);
    await assert.rejects(sender.send(third), { code: 'CHANNEL_FULL' });
    for (const name of readdirSync(dropDir)) rmSync(join(dropDir, name));
    await sender.send(third);
    assert.deepEqual(readdirSync(dropDir), [basename(third)]);
  });

  test('what a crash left in the drop-off folder is cleaned before the way is open', async (t) => {
    const dropDir = temporaryFolder();
    writeFileSync(join(dropDir, `.${packageName(1)}.0123abcd.tmp`), 'half');
    writeFileSync(join(dropDir, '.ferry'), 'not ours');
    const sender = createDirectorySender({ dropDir, events: { up() {}, down() {} } });
    t.after(() => sender.close());
    await until(() => sender.status().state === 'up');
    assert.deepEqual(readdirSync(dropDir), ['.ferry']);
  });
});
