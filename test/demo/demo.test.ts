/** `sallyport demo` as somebody runs it who sees the project for the first time. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { makePeople } from '@sallyport/examples/citizen-registry/people.ts';
import { startRegistry } from '@sallyport/examples/citizen-registry/server.ts';
import { softHsmMissing } from '../hsm/softhsm.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { until } from '../until.ts';
import { beginSallyport, processesIn, sallyport } from './command.ts';

interface Shown {
  readonly ok: boolean;
  readonly hsm: string;
  readonly channel: string;
  readonly packages: readonly string[];
  readonly calls: readonly {
    readonly consumer: string;
    readonly status: number;
    readonly exchange: string;
    readonly body: Record<string, unknown>;
    readonly journey: readonly { node: string; step: string; atMs: number; code?: string }[];
  }[];
}

const people = makePeople(5000, 1);
const citizen = people[122] ?? assert.fail('expected citizen c-000123');
const answered = [
  ...['accept', 'seal', 'send'].map((step) => `outer ${step}`),
  ...['collect', 'open', 'decide', 'call', 'mask'].map((step) => `inner ${step}`),
  ...['seal', 'send'].map((step) => `inner ${step}`),
  ...['collect', 'open', 'release', 'deliver'].map((step) => `outer ${step}`),
];
const refused = ['outer refuse'];

/** What no consumer of the sample policy may see of a citizen. */
const hidden = ({ name, idNumber, phone, landline, email, bankCard, address }: typeof citizen) =>
  [name, idNumber, phone, landline, email, bankCard, address.street].filter(
    (value) => value !== undefined,
  );

describe('one run', { concurrency: 2 }, () => {
  const variants: [channel: string, hsm: 'soft' | 'softhsm'][] = [
    ['link', 'soft'],
    ['directory', 'softhsm'],
    ['mixed', 'soft'],
  ];
  for (const [channel, hsm] of variants) {
    const skip = hsm === 'softhsm' && softHsmMissing;
    test(`over ${channel}, keys in ${hsm}: five calls cross, masked`, { skip }, async () => {
      const dir = temporaryFolder();
      const args = ['--once', '--json', '--channel', channel, '--hsm', hsm, '--dir', dir];
      const { code, stdout, stderr } = await sallyport('demo', ...args);
      assert.equal(code, 0, stderr);
      const shown = JSON.parse(stdout) as Shown;
      assert.equal(shown.ok, true);
      assert.deepEqual([shown.channel, shown.hsm], [channel, hsm]);
      assert.deepEqual(
        shown.calls.map(({ status }) => status),
        [200, 200, 200, 201, 403],
      );
      for (const { status, journey, exchange } of shown.calls) {
        assert.match(exchange, /^[0-9a-f]{32}$/);
        const steps = journey.map(({ node, step }) => `${node} ${step}`);
        assert.deepEqual(steps, status === 403 ? refused : answered);
      }
      assertMasked(shown);
      assert.ok(shown.packages.length >= 8, 'four requests and four answers crossed');
      assert.deepEqual(processesIn(dir), []);
    });
  }

  test('an API of your own: its OpenAPI document becomes a policy that masks all', async () => {
    const registry = await startRegistry({ count: 200, seed: 1 });
    const openapi = 'examples/citizen-registry/openapi.json';
    const own = ['--upstream', registry.url, '--openapi', openapi];
    const args = ['--once', '--json', '--hsm', 'soft', '--dir', temporaryFolder()];
    const { code, stdout, stderr } = await sallyport('demo', ...args, ...own);
    const { list } = registry.calls;
    await registry.close();
    assert.equal(code, 0, stderr);
    const { ok, calls } = JSON.parse(stdout) as Shown;
    assert.equal(ok, true);
    assert.ok(calls.length > 0);
    assert.ok(calls.every(({ status }) => status === 200));
    assert.ok(list > 0, 'the registry was really asked');
    const first = people.slice(0, 20);
    for (const person of first) {
      for (const value of [person.id, person.birthDate, ...hidden(person)]) {
        assert.equal(stdout.includes(value), false, `${value} is masked`);
      }
    }
  });

  test('a demo that stays up ends with everything that it started, by Ctrl-C or SIGTERM', async () => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      const dir = temporaryFolder();
      const { child, done, says } = beginSallyport('demo', '--hsm', 'soft', '--dir', dir);
      await says('Both nodes stay up');
      const running = processesIn(dir);
      assert.ok(running.length >= 13, `the demo, two supervisors, ten processes: ${running}`);
      child.kill(signal);
      const { code, stderr } = await done;
      assert.equal(code, 0, stderr);
      assert.deepEqual(processesIn(dir), []);
    }
  });

  test('a demo that is stopped while it starts leaves nothing running', async () => {
    const dir = temporaryFolder();
    const { child, says } = beginSallyport('demo', '--hsm', 'soft', '--dir', dir);
    await says('sallyport run --dir inner');
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    assert.equal(await ended, 1);
    await until(() => processesIn(dir).length === 0);
  });
});

test('a wrong command line is exit code 2, and nothing is started', async () => {
  const wrong: [string[], RegExp][] = [
    [['--upstream', 'http://127.0.0.1:9'], /--upstream and --openapi belong together/],
    [['--openapi', 'openapi.json'], /--upstream and --openapi belong together/],
    [['--channel', 'pigeon'], /pigeon/],
    [['--hsm', 'paper'], /paper/],
    [['--nonsense'], /--nonsense/],
  ];
  for (const [args, told] of wrong) {
    const dir = join(temporaryFolder(), 'demo');
    const { code, stdout, stderr } = await sallyport('demo', '--once', '--dir', dir, ...args);
    assert.equal(code, 2, args.join(' '));
    assert.match(stderr, told);
    assert.equal(stdout, '');
    assert.deepEqual(processesIn(dir), []);
  }
});

/** Fields as the sample policy has them, and no raw value of the citizen anywhere. */
function assertMasked({ calls }: Shown): void {
  const [tax, health, list, change, refusal] = calls.map(({ body }) => body);
  const { id, name, idNumber, phone, address, income, birthDate, sex, medical } = citizen;
  const { district } = address;
  const surname = `${name[0]}${'*'.repeat([...name].length - 1)}`;
  assert.deepEqual(tax, {
    id,
    name: surname,
    idNumber: `${idNumber.slice(0, 3)}${'*'.repeat(11)}${idNumber.slice(-4)}`,
    phone: `${phone.slice(0, 3)}${'*'.repeat(4)}${phone.slice(-4)}`,
    address: { district },
    income,
  });
  assert.deepEqual(health, { id, name: surname, birthDate, sex, address: { district }, medical });
  assert.deepEqual(Object.keys(list ?? {}).sort(), ['items', 'page', 'size', 'total']);
  const items = list?.items as Record<string, unknown>[];
  assert.equal(items.length, 2);
  for (const item of items) assert.deepEqual(Object.keys(item).sort(), ['address', 'birthDate']);
  assert.deepEqual(change, { reference: 'ac-000001' });
  assert.equal(refusal?.code, 'GRANT_MISSING');
  const text = JSON.stringify(calls);
  for (const value of hidden(citizen)) assert.equal(text.includes(value), false, value);
}
