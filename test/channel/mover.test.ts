/** The mover between a guard of paper and channels that misbehave on purpose. */
import assert from 'node:assert/strict';
import { readdirSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SenderEvents } from '@sallyport/shared/channel/events.ts';
import { createLinkReceiver } from '@sallyport/shared/channel/link/receiver.ts';
import { createLinkSender } from '@sallyport/shared/channel/link/sender.ts';
import { type ErrorCode, SallyportError } from '@sallyport/shared/errors.ts';
import type { ChannelSink } from '@sallyport/shared/ports.ts';
import {
  type MoverOptions,
  type MoverStatus,
  runMover,
} from '@sallyport/shared/processes/mover/run.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { until } from '../until.ts';
import { type Board, openBoard } from '../wires.ts';
import { packageName, writePackageFile } from './collector.ts';
import { inner, innerAsPeer, outer, outerAsPeer } from './parties.ts';

const log = { info() {}, warn() {} };
const channel = { packages: 0, bytes: 0, lastMs: undefined, detail: '', kind: 'link' } as const;

/** What the guard heard, and a way to tell the mover something. */
interface Guard {
  readonly heard: { verb: string; head: unknown }[];
  files(verb: 'sent' | 'collected'): string[];
  tell(verb: string, head: unknown): void;
  close(): void;
}

function openGuard(board: Board): Guard {
  const heard: Guard['heard'] = [];
  const hear = (verb: string) => (head: unknown) => void heard.push({ verb, head });
  const verbs = ['sent', 'collected', 'refused', 'channel'];
  const handlers = Object.fromEntries(verbs.map((verb) => [verb, hear(verb)]));
  const { wires, leave } = board.join('guard');
  const mover = wires('mover')(handlers);
  return {
    heard,
    files: (verb) =>
      heard
        .filter((one) => one.verb === verb)
        .flatMap((one) => (one.head as { files: string[] }).files),
    tell: (verb, head) => mover.notify(verb, head),
    close() {
      leave();
      mover.close();
    },
  };
}

/** A channel whose moves the test decides. */
interface Fake {
  readonly sent: string[];
  events: SenderEvents | undefined;
  sink: ChannelSink | undefined;
  /** Called for each send; what it throws fails the send. */
  onSend: (name: string) => Promise<void> | void;
  onReceiver: () => void;
}

interface Open {
  readonly out: string;
  readonly inDir: string;
  readonly fake: Fake;
  guard(): Promise<Guard>;
  /** Returns how to end it before the test does. */
  start(more?: Partial<MoverOptions>): () => Promise<void>;
  ask(verb: string): Promise<unknown>;
  /** Resolves when mover and guard are connected. */
  wired(): Promise<void>;
}

function prepare(t: TestContext): Open {
  const [out, inDir] = [temporaryFolder(), temporaryFolder()];
  const board = openBoard();
  const fake: Fake = {
    sent: [],
    events: undefined,
    sink: undefined,
    onSend: () => {},
    onReceiver: () => {},
  };
  const options: Omit<MoverOptions, 'guard' | 'admin'> = {
    spoolOutDir: out,
    spoolInDir: inDir,
    log,
    out(events) {
      fake.events = events;
      return {
        async send(file) {
          await fake.onSend(basename(file));
          fake.sent.push(basename(file));
        },
        status: () => ({ ...channel, packages: fake.sent.length, state: 'up' }),
        close: async () => {},
      };
    },
    async in(sink) {
      fake.onReceiver();
      fake.sink = sink;
      return { status: () => ({ ...channel, state: 'up' }), close: async () => {} };
    },
  };
  const ask = async (verb: string): Promise<unknown> => {
    const { wires, leave } = board.join('admin');
    const link = wires('mover')();
    await until(() => link.connected);
    const answer = await link.request(verb);
    leave();
    link.close();
    return answer.head;
  };
  return {
    out,
    inDir,
    fake,
    ask,
    wired: () => until(async () => ((await ask('status')) as MoverStatus).guard === 'connected'),
    async guard() {
      const guard = openGuard(board);
      t.after(() => guard.close());
      return guard;
    },
    start(more) {
      const { wires, leave } = board.join('mover');
      const ends = { guard: wires('guard'), admin: wires('admin') };
      const mover = runMover({ ...options, ...ends, ...more });
      const stop = async (): Promise<void> => {
        leave();
        await mover.close();
      };
      t.after(stop);
      return stop;
    },
  };
}

interface Told {
  readonly detail: string;
}

function lost(): SallyportError {
  return new SallyportError('CHANNEL_LOST', 'on purpose');
}

describe('mover', { concurrency: true }, () => {
  test('it sends what lies there in order, and tells what it sent', async (t) => {
    const { out, fake, guard, start } = prepare(t);
    const files = [
      writePackageFile(out, 1, 'x', 'bulk'),
      ...[3, 2, 1].map((sequence) => writePackageFile(out, sequence)),
    ];
    const paper = await guard();
    start();
    await until(() => paper.files('sent').length === 4);
    const interactive = fake.sent.filter((name) => name.startsWith('interactive'));
    assert.deepEqual(interactive, [...interactive].sort());
    assert.deepEqual([...paper.files('sent')].sort(), files.map((file) => basename(file)).sort());
    assert.equal(readdirSync(out).length, 4, 'only the guard removes files');
  });

  test('queued is sent once, resend is sent again', async (t) => {
    const { out, fake, guard, start, wired } = prepare(t);
    const paper = await guard();
    start();
    await wired();
    const name = basename(writePackageFile(out, 1));
    paper.tell('queued', { files: [name] });
    await until(() => paper.files('sent').length === 1);
    paper.tell('queued', { files: [name] });
    paper.tell('resend', { files: [name] });
    await until(() => paper.files('sent').length === 2);
    await sleep(50);
    assert.deepEqual(fake.sent, [name, name]);
  });

  test('after a break everything is sent again, after a clean renewal nothing', async (t) => {
    const { out, fake, guard, start } = prepare(t);
    const names = [1, 2, 3].map((sequence) => basename(writePackageFile(out, sequence)));
    const paper = await guard();
    start();
    await until(() => fake.sent.length === 3);
    fake.events?.up(true);
    await sleep(50);
    assert.deepEqual(fake.sent, names);
    rmSync(join(out, names[0] ?? ''));
    fake.events?.down(lost());
    fake.events?.up(false);
    await until(() => fake.sent.length === 5);
    assert.deepEqual(fake.sent.slice(3), names.slice(1));
    await until(() => new Set(paper.files('sent')).size === 3);
  });

  test('a send that fails is tried again, and one whose file is gone is not', async (t) => {
    const { out, fake, guard, start, ask, wired } = prepare(t);
    let failures = 3;
    fake.onSend = () => {
      if (failures-- > 0) throw lost();
    };
    const paper = await guard();
    start();
    await wired();
    const [gone, there] = [packageName(1), basename(writePackageFile(out, 2))];
    paper.tell('queued', { files: [gone, there] });
    await until(() => fake.sent.length === 1);
    assert.deepEqual(fake.sent, [there]);
    assert.ok(((await ask('status')) as MoverStatus).retries >= 1);
  });

  test('a bulk package that hangs does not hold up interactive ones', async (t) => {
    const { out, fake, start } = prepare(t);
    let release = (): void => {};
    fake.onSend = (name) =>
      name.startsWith('bulk') ? new Promise<void>((resolve) => (release = resolve)) : undefined;
    writePackageFile(out, 1, 'x', 'bulk');
    const small = basename(writePackageFile(out, 1));
    start();
    await until(() => fake.sent.length === 1);
    assert.deepEqual(fake.sent, [small]);
    release();
    await until(() => fake.sent.length === 2);
  });

  test('a file that can never be sent is told as refused, and the next one goes', async (t) => {
    const { out, fake, guard, start } = prepare(t);
    const [bad, good] = [1, 2].map((sequence) => basename(writePackageFile(out, sequence)));
    fake.onSend = (name) => {
      if (name === bad) throw new SallyportError('CHANNEL_FRAME', 'on purpose');
    };
    const paper = await guard();
    start();
    await until(() => paper.files('sent').length === 1);
    assert.deepEqual(paper.files('sent'), [good]);
    await until(() => paper.heard.some(({ verb }) => verb === 'refused'));
    assert.deepEqual(fake.sent, [good]);
  });

  test('without the guard it goes on, and tells everything when the guard is back', async (t) => {
    const { out, inDir, fake, guard, start } = prepare(t);
    start();
    const late = basename(writePackageFile(out, 1));
    await until(() => fake.sent.length === 1);
    const arrived = basename(writePackageFile(inDir, 9));
    fake.sink?.collected(join(inDir, arrived));
    fake.sink?.refused('CHANNEL_PEER', 'a stranger');
    await sleep(20);
    const paper = await guard();
    await until(() => paper.heard.length === 3);
    assert.deepEqual(paper.files('sent'), [late]);
    assert.deepEqual(paper.files('collected'), [arrived]);
    assert.deepEqual(fake.sent, [late]);
    assert.deepEqual(paper.heard.find(({ verb }) => verb === 'refused')?.head, {
      code: 'CHANNEL_PEER',
      detail: 'a stranger',
      count: 1,
    });
  });

  test('a storm of refusals becomes a few counted notices', async (t) => {
    const { fake, guard, start, ask, wired } = prepare(t);
    const paper = await guard();
    start();
    await wired();
    for (let index = 0; index < 1000; index += 1) fake.sink?.refused('CHANNEL_PEER', 'a stranger');
    fake.sink?.refused('CHANNEL_FRAME', 'a name');
    const told = (code: ErrorCode): number[] =>
      paper.heard
        .filter(({ verb }) => verb === 'refused')
        .map(({ head }) => head as { code: ErrorCode; count: number })
        .filter((notice) => notice.code === code)
        .map(({ count }) => count);
    await until(() => told('CHANNEL_FRAME').length === 1);
    assert.deepEqual(told('CHANNEL_PEER'), [1, 999]);
    const { refusals } = (await ask('status')) as MoverStatus;
    assert.deepEqual(refusals, { CHANNEL_PEER: 1000, CHANNEL_FRAME: 1 });
  });

  test('names that are no spool names are never sent', async (t) => {
    const { out, fake, guard, start, wired } = prepare(t);
    const paper = await guard();
    start();
    await wired();
    const good = basename(writePackageFile(out, 1));
    paper.tell('queued', { files: ['../../keys/pin', good] });
    paper.tell('queued', { files: good });
    paper.tell('resend', null);
    await sleep(100);
    assert.deepEqual(fake.sent, []);
    paper.tell('queued', { files: [good] });
    await until(() => fake.sent.length === 1);
  });

  test('a receiver that cannot open is tried again while sending goes on', async (t) => {
    const { out, fake, start, ask } = prepare(t);
    let attempts = 0;
    fake.onReceiver = () => {
      attempts += 1;
      if (attempts === 1) throw new SallyportError('ADDRESS_IN_USE', 'on purpose');
    };
    const troubles: (ErrorCode | undefined)[] = [];
    const name = basename(writePackageFile(out, 1));
    start({ tellTrouble: (trouble) => troubles.push(trouble?.code) });
    await until(() => fake.sent.length === 1);
    assert.deepEqual(fake.sent, [name]);
    assert.equal(((await ask('status')) as MoverStatus).in.state, 'down');
    assert.deepEqual(troubles, ['ADDRESS_IN_USE']);
    await until(() => fake.sink !== undefined);
    assert.equal(((await ask('status')) as MoverStatus).in.state, 'up');
    assert.deepEqual(troubles, ['ADDRESS_IN_USE', undefined]);
  });

  test('that the way is down is said once, and again when it was up between', async (t) => {
    const { fake, guard, start, wired } = prepare(t);
    const { heard } = await guard();
    const warned: string[] = [];
    start({ log: { info() {}, warn: (about: Told) => void warned.push(about.detail) } });
    await wired();
    const down = (message: string) =>
      fake.events?.down(new SallyportError('CHANNEL_LOST', message));
    for (const message of ['refused', 'refused', 'silent', 'silent']) down(message);
    fake.events?.up(false);
    down('refused');
    fake.events?.up(true);
    fake.events?.up(true);
    down('refused');
    await until(() => heard.length === 5);
    assert.deepEqual(
      heard.map(({ verb, head }) => [verb, (head as { up: boolean }).up]),
      [
        ['channel', false],
        ['channel', true],
        ['channel', false],
        ['channel', true],
        ['channel', false],
      ],
    );
    assert.deepEqual(warned, ['refused', 'silent', 'refused', 'refused']);
  });

  test('status and metrics are answered on its own socket', async (t) => {
    const { out, fake, start, ask } = prepare(t);
    writePackageFile(out, 1);
    start();
    await until(() => fake.sent.length === 1);
    const { guard, pending, out: sender } = (await ask('status')) as MoverStatus;
    assert.equal(guard, 'away');
    assert.deepEqual(pending, { interactive: 0, bulk: 0 });
    assert.equal(sender.packages, 1);
    const metrics = (await ask('metrics')) as { name: string; values: { value: number }[] }[];
    const read = (name: string): number[] | undefined =>
      metrics.find((metric) => metric.name === name)?.values.map(({ value }) => value);
    assert.deepEqual(read('sallyport_mover_packages_total'), [1, 0]);
    assert.deepEqual(read('sallyport_mover_channel_up'), [1, 1]);
    const usual = /^(sallyport_mover|process|nodejs)_/;
    assert.ok(metrics.every(({ name }) => usual.test(name)));
    assert.deepEqual(
      await ask('metrics').then((again) => (again as unknown[]).length),
      metrics.length,
    );
  });

  test('two movers carry everything, though the receiving one is restarted', async (t) => {
    const near = prepare(t);
    const far = prepare(t);
    const host = '127.0.0.1';
    let port = 0;
    const receive = async (sink: ChannelSink) => {
      const { identity } = inner;
      const made = await createLinkReceiver({ host, port, identity, peer: outerAsPeer, sink });
      port = made.port;
      return made;
    };
    const farOptions: Partial<MoverOptions> = {
      out: () => ({
        send: async () => {},
        status: () => ({ ...channel, state: 'up' }),
        close: async () => {},
      }),
      in: receive,
    };
    const stopFirst = far.start(farOptions);
    await until(() => port > 0);
    near.start({
      out: (events) =>
        createLinkSender({ host, port, identity: outer.identity, peer: innerAsPeer, events }),
    });
    for (let sequence = 1; sequence <= 40; sequence += 1) {
      writePackageFile(near.out, sequence, Buffer.alloc(300_000, sequence));
    }
    await until(() => readdirSync(far.inDir).length > 5);
    await stopFirst();
    far.start(farOptions);
    await until(() => readdirSync(far.inDir).length === 40);
    await until(() => readdirSync(far.inDir).every((name) => !name.startsWith('.')));
    assert.deepEqual(readdirSync(far.inDir).sort(), readdirSync(near.out).sort());
  });
});
