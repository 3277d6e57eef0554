/** What every mover kind must do, whatever carries the bytes. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { SenderEvents } from '@sallyport/shared/channel/events.ts';
import type { SpoolBounds } from '@sallyport/shared/channel/room.ts';
import { listSpool, parseSpoolName } from '@sallyport/shared/channel/spool.ts';
import { limits } from '@sallyport/shared/limits.ts';
import type { ChannelReceiver, ChannelSender, ChannelSink } from '@sallyport/shared/ports.ts';
import {
  type Collector,
  createCollector,
  packageName,
  sha256,
  writePackageFile,
} from '../channel/collector.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { until } from '../until.ts';

/** One boundary of the kind under test; receivers made from it in turn serve the same address. */
export interface Boundary {
  receive(sink: ChannelSink, bounds: SpoolBounds): Promise<ChannelReceiver>;
  send(events: SenderEvents): ChannelSender;
  /** Brings the first half of a package across, as a transfer that was cut would, and ends. */
  tear(name: string, half: Buffer): Promise<void>;
}

export interface Pair {
  readonly out: string;
  readonly inDir: string;
  readonly collector: Collector;
  readonly receiver: ChannelReceiver;
  readonly sender: ChannelSender;
  readonly boundary: Boundary;
  /** Sends; the last one is sent again where the way was lost, as the mover does with all. */
  deliver(file: string): Promise<void>;
}

export async function openPair(
  t: TestContext,
  make: () => Promise<Boundary>,
  bounds: Partial<SpoolBounds> = {},
): Promise<Pair> {
  const boundary = await make();
  const out = temporaryFolder();
  const inDir = temporaryFolder();
  const collector = createCollector(inDir);
  const receiver = await boundary.receive(collector.sink, { ...limits, ...bounds });
  let last: string | undefined;
  const sender = boundary.send({
    up(clean) {
      if (!clean && last) void sender.send(last).catch(() => {});
    },
    down: () => {},
  });
  t.after(async () => {
    await sender.close();
    await receiver.close();
  });
  const deliver = async (file: string): Promise<void> => {
    await until(() => sender.status().state === 'up');
    last = file;
    await sender.send(file);
  };
  return { out, inDir, collector, receiver, sender, boundary, deliver };
}

export function channelContract(kind: string, make: () => Promise<Boundary>): void {
  const contract = (name: string, run: (t: TestContext) => Promise<void>): void =>
    void test(`${kind}: ${name}`, { timeout: 30_000 }, run);

  contract('a package arrives whole, under its name, and is reported once', async (t) => {
    const { out, inDir, collector, sender, receiver, deliver } = await openPair(t, make);
    const file = writePackageFile(out, 1, Buffer.alloc(700_000, 'sealed'));
    await deliver(file);
    await until(() => collector.names.length > 0);
    assert.deepEqual(collector.names, [basename(file)]);
    assert.equal(sha256(join(inDir, basename(file))), sha256(file));
    for (const { packages, bytes, state } of [sender.status(), receiver.status()]) {
      assert.deepEqual({ packages, bytes, state }, { packages: 1, bytes: 700_000, state: 'up' });
    }
    assert.deepEqual(readdirSync(inDir), [basename(file)]);
  });

  contract('many small packages arrive, and the spool lists them in order', async (t) => {
    const { out, inDir, collector, deliver } = await openPair(t, make);
    const files = Array.from({ length: 200 }, (_, index) => writePackageFile(out, index + 1));
    for (const file of files) await deliver(file);
    await until(() => collector.names.length === files.length);
    assert.deepEqual(
      [...collector.names].sort(),
      files.map((file) => basename(file)),
    );
    assert.deepEqual(
      await listSpool(inDir),
      files.map((file) => basename(file)),
    );
    assert.deepEqual(collector.refusals, []);
  });

  contract('64 MiB travel in parts, and an interactive package overtakes them', async (t) => {
    const { out, inDir, collector, deliver } = await openPair(t, make);
    const bulk = writePackageFile(out, 1, Buffer.alloc(64 * 1024 * 1024, 'bulk'), 'bulk');
    const small = writePackageFile(out, 1);
    let smallest = Number.POSITIVE_INFINITY;
    const watching = setInterval(() => {
      for (const name of readdirSync(inDir).filter((entry) => entry.startsWith('.bulk'))) {
        const size = statSync(join(inDir, name), { throwIfNoEntry: false })?.size ?? 0;
        if (size > 0) smallest = Math.min(smallest, size);
      }
    }, 1);
    const sent = deliver(bulk);
    await deliver(small);
    await sent;
    await until(() => collector.names.length === 2);
    clearInterval(watching);
    assert.deepEqual(collector.names, [basename(small), basename(bulk)]);
    assert.equal(sha256(join(inDir, basename(bulk))), sha256(bulk));
    assert.ok(smallest < 64 * 1024 * 1024, 'the package was written in parts');
  });

  contract('a torn transfer never shows under a final name', async (t) => {
    const { out, inDir, collector, boundary, deliver } = await openPair(t, make);
    const torn = packageName(1);
    await boundary.tear(torn, Buffer.alloc(300_000, 'half'));
    const whole = writePackageFile(out, 2);
    await deliver(whole).catch(() => {});
    await until(() => collector.names.length > 0);
    assert.ok(!collector.names.includes(torn));
    assert.ok(!readdirSync(inDir).includes(torn));
    await until(() => readdirSync(inDir).every((name) => parseSpoolName(name) !== undefined));
  });

  contract('a receiver that went away is found again', async (t) => {
    const boundary = await make();
    const [out, inDir] = [temporaryFolder(), temporaryFolder()];
    const before = createCollector(inDir);
    const after = createCollector(inDir);
    const first = await boundary.receive(before.sink, limits);
    const file = writePackageFile(out, 1);
    let again = false;
    const send = (): void => void sender.send(file).catch(() => {});
    const sender = boundary.send({ up: () => again && send(), down: () => {} });
    t.after(() => sender.close());
    await until(() => sender.status().state === 'up');
    await first.close();
    writeFileSync(join(inDir, `.${packageName(7)}.0123abcd.tmp`), 'left by a crash');
    const second = await boundary.receive(after.sink, limits);
    t.after(() => second.close());
    again = true;
    send();
    await until(() => after.names.length > 0);
    assert.deepEqual(readdirSync(inDir), [basename(file)]);
    assert.deepEqual(before.names, []);
  });

  contract('the same package twice is one file in the spool', async (t) => {
    const { out, inDir, collector, deliver } = await openPair(t, make);
    const file = writePackageFile(out, 1);
    await deliver(file);
    await until(() => collector.names.length === 1);
    await deliver(file);
    await until(() => collector.names.length === 2);
    assert.deepEqual(await listSpool(inDir), [basename(file)]);
    assert.deepEqual(collector.refusals, []);
  });

  contract('a package above the bound is refused, and the next one arrives', async (t) => {
    const bounds = { packageBytesMax: 1000 };
    const { out, inDir, collector, deliver } = await openPair(t, make, bounds);
    await deliver(writePackageFile(out, 1, Buffer.alloc(1001))).catch(() => {});
    await until(() => collector.refusals.length > 0);
    assert.equal(collector.refusals[0]?.code, 'CHANNEL_FRAME');
    assert.deepEqual(readdirSync(inDir), []);
    const good = writePackageFile(out, 2, Buffer.alloc(1000));
    await deliver(good).catch(() => {});
    await until(() => collector.names.length > 0);
    assert.deepEqual(collector.names, [basename(good)]);
  });

  contract('a file that is no package is not sent', async (t) => {
    const { out, sender, deliver } = await openPair(t, make);
    const stray = join(out, 'notes.txt');
    writeFileSync(stray, 'not a package');
    await assert.rejects(deliver(stray), { code: 'CHANNEL_FRAME' });
    assert.equal(sender.status().packages, 0);
  });

  contract('a full spool stops the flow, is told once, and loses nothing', async (t) => {
    const bounds = { spoolPackagesMax: 2 };
    const { out, inDir, collector, deliver } = await openPair(t, make, bounds);
    const files = [1, 2, 3, 4].map((sequence) => writePackageFile(out, sequence));
    for (const file of files) await deliver(file);
    await until(() => collector.refusals.length > 0);
    await until(() => collector.names.length === 2);
    for (const name of collector.names) rmSync(join(inDir, name));
    await until(() => collector.names.length === 4);
    assert.deepEqual(
      collector.names,
      files.map((file) => basename(file)),
    );
    assert.ok(collector.refusals.every(({ code }) => code === 'CHANNEL_FULL'));
    assert.equal(readFileSync(join(inDir, basename(files[3] ?? '')), 'utf8'), 'package 4');
  });

  contract('after close nothing is sent', async (t) => {
    const { out, sender, deliver } = await openPair(t, make);
    await deliver(writePackageFile(out, 1));
    await sender.close();
    await assert.rejects(sender.send(writePackageFile(out, 2)), { code: 'CHANNEL_LOST' });
    assert.equal(sender.status().state, 'down');
  });
}
