/** `sallyport policy` as two people use it, on a pair of guards in this process. */
import assert from 'node:assert/strict';
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { register as registerAudit } from '@sallyport/cli/audit.ts';
import { register as registerConsumer } from '@sallyport/cli/consumer.ts';
import { register } from '@sallyport/cli/policy.ts';
import { loadPolicy, policyFor } from '@sallyport/cli/policy-source.ts';
import { tellError } from '@sallyport/cli/print.ts';
import { makePeople } from '@sallyport/examples/citizen-registry/people.ts';
import { controlSocket } from '@sallyport/shared/config/home.ts';
import { type ErrorCode, SallyportError } from '@sallyport/shared/errors.ts';
import { newId } from '@sallyport/shared/ids.ts';
import { outerEdition } from '@sallyport/shared/policy/bundle.ts';
import { diffPolicy } from '@sallyport/shared/policy/diff.ts';
import { listen } from '@sallyport/shared/processes/ipc/socket.ts';
import { Command } from 'commander';
import { callHead, type Rig, type Side, samplePolicy, startRig } from '../journey/rig.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { until } from '../until.ts';

const folder = join(temporaryFolder(), 'policy');
const file = join(folder, 'policy.yaml');
const [citizen] = makePeople(1, 7);
let rig: Rig;
let key: string;
let dir: string;
let socket: { close(): Promise<unknown> };
/** Whose audit log is read: the outer node of this pair has no trust file of the inner one. */
let logged: Side;

before(async () => {
  cpSync(dirname(samplePolicy), folder, { recursive: true });
  rig = await startRig({ seed: 5, upstream: async () => ({ status: 200, body: citizen }) });
  key = await rig.issueKey('tax-bureau');
  await rig.applyPolicy(folder);
  dir = rig.inner.dir;
  logged = rig.inner;
  const verbs = ['show', 'history', 'apply', 'plan', 'plans', 'plan-show', 'approve', 'plan-apply'];
  const handlers = Object.fromEntries(
    verbs.map((verb) => [
      `policy-${verb}`,
      (head: unknown, body: Buffer) => rig.inner.admin.request(`policy-${verb}`, head, body),
    ]),
  );
  const here = process.cwd();
  process.chdir(dir);
  socket = await listen(controlSocket('.'), {
    ...handlers,
    'credentials-used': () => rig.inner.admin.request('credentials-used'),
    'audit-blocks': (head, body) => logged.admin.request('audit-blocks', head, body),
  });
  process.chdir(here);
});
after(async () => {
  await socket.close();
  await rig.close();
});

interface Said {
  readonly exit: number | null;
  readonly out: string;
  readonly talk: string;
}

/** In this process: a new one for each call would take seconds. */
const sallyport = (...args: string[]): Promise<Said> => run('policy', ...args);

async function run(...args: string[]): Promise<Said> {
  const said = { out: '', talk: '' };
  const undo = [
    capture(process.stdout, (text) => {
      said.out += text;
    }),
    capture(process.stderr, (text) => {
      said.talk += text;
    }),
  ];
  try {
    const program = new Command('sallyport').exitOverride();
    register(program);
    registerConsumer(program);
    registerAudit(program);
    await program.parseAsync(args, { from: 'user' });
    return { exit: 0, ...said };
  } catch (thrown) {
    const exit = tellError(thrown);
    return { exit, ...said };
  } finally {
    for (const one of undo) one();
  }
}

/** What is written as text: the test runner's own reports are bytes. */
function capture(stream: NodeJS.WriteStream, take: (text: string) => void): () => void {
  const { write } = stream;
  stream.write = ((chunk: string | Uint8Array, ...rest: []) => {
    if (typeof chunk !== 'string') return write.call(stream, chunk, ...rest);
    take(chunk);
    return true;
  }) as typeof write;
  return () => {
    stream.write = write;
  };
}

const call = async (id: string): Promise<ErrorCode | undefined> => {
  try {
    await rig.outer.edge.request('call', { ...callHead(key, 'GET', '/citizens/c-000001'), id });
    return undefined;
  } catch (thrown) {
    assert.ok(thrown instanceof SallyportError);
    return thrown.code;
  }
};

test('one person proposes, another approves, and the way back is a version too', async () => {
  const text = readFileSync(file, 'utf8');
  const day = new Date(Date.now() + 30 * 86_400_000).toISOString().slice(0, 10);
  const exception = `{ field: $.idNumber, reason: tax audit 7, approver: chen, until: ${day} }`;
  const grant = '  - consumer: tax-bureau\n';
  writeFileSync(file, text.replace(grant, `${grant}    unmasked: [ ${exception} ]\n`));

  const checked = await sallyport('check', file);
  assert.match(checked.talk, /UNMASKED \$\.idNumber/);
  const proposed = await sallyport('plan', file, '--dir', dir, '--as', 'li', '--note', 'audit');
  assert.equal(proposed.exit, 0, proposed.talk);
  assert.match(proposed.talk, /\+ unmasked\/tax-bureau\/.*\$\.idNumber {2}UNMASKED/);
  const id = proposed.out.trim();

  const early = await sallyport('apply', '--plan', id, '--dir', dir);
  assert.deepEqual([early.exit, early.talk.includes('[PLAN_STATE]')], [1, true]);
  const self = await sallyport('approve', id, '--dir', dir, '--as', 'li');
  assert.match(self.talk, /\[PLAN_SELF_APPROVED\]/);
  const approved = await sallyport('approve', id, '--dir', dir, '--as', 'chen');
  assert.match(approved.out, /chen approved the plan of li/);
  const applied = await sallyport('apply', '--plan', id, '--dir', dir);
  assert.equal(applied.out, 'policy version 2 is in force\n');

  const back = await sallyport('rollback', '1', '--dir', dir);
  assert.equal(back.exit, 0, back.talk);
  assert.match(back.out, /version 3 is in force, with the content of version 1/);
  const again = await sallyport('rollback', '1', '--dir', dir);
  assert.match(again.out, /nothing to roll back/);
  const missing = await sallyport('rollback', '99', '--dir', dir);
  assert.match(missing.talk, /\[POLICY_MISSING\]/);
  const history = await sallyport('history', '--dir', dir);
  assert.match(history.out, / 2 .* plan of li, approved by chen/);
  const both = await sallyport('apply', file, '--plan', id, '--dir', dir);
  assert.equal(both.exit, 2);
  writeFileSync(file, text);
  const none = await sallyport('diff', file, '--dir', dir);
  assert.deepEqual([none.out, none.talk], ['', 'sallyport: no change\n']);
});

test('a call that was made is explained by the version that decided it', async () => {
  const id = newId();
  await until(async () => (await call(id)) === undefined);
  const explained = await sallyport('explain', '--exchange', id, '--dir', dir);
  assert.equal(explained.exit, 0, explained.talk);
  assert.match(explained.out, /allowed by policy version 3/);
  assert.match(explained.out, /mask .*keep \$\.idNumber ×1/);
  assert.match(explained.out, /\$\.idNumber +keep first 3, last 4/);

  const text = readFileSync(file, 'utf8');
  const deny = 'deny:\n  - { name: freeze, reason: data audit }\ngrants:';
  writeFileSync(file, text.replace('\ngrants:', `\n${deny}`));
  await rig.applyPolicy(folder);
  const refused = newId();
  await until(async () => (await call(newId())) === 'DENIED');
  assert.equal(await call(refused), 'DENIED');
  await until(async () => (await rig.outer.events()).some((one) => one.exchangeId === refused));
  logged = rig.outer;
  const why = await sallyport('explain', '--exchange', refused, '--dir', dir, '--json');
  const told = JSON.parse(why.out);
  assert.deepEqual(
    [told.outcome, told.rule, told.explanation.code],
    ['DENIED', 'freeze', 'DENIED'],
  );
  writeFileSync(file, text);
  const unknown = await sallyport('explain', '--exchange', newId(), '--dir', dir);
  assert.match(unknown.talk, /\[EXCHANGE_UNKNOWN\]/);
});

test('the outer node compares with what it gets of a policy: no difference after apply', async () => {
  const sent = outerEdition(await loadPolicy(file, dir));
  assert.equal(sent.credentials.keys.length, 1);
  assert.deepEqual(diffPolicy(sent, await policyFor(file, rig.outer.dir, sent)), []);
});

test('parts go only where somebody says so, and are named', async () => {
  const text = readFileSync(file, 'utf8');
  const grant = text.lastIndexOf('  - consumer: ');
  writeFileSync(file, text.slice(0, grant));
  const refused = await sallyport('apply', file, '--dir', dir);
  writeFileSync(file, text);
  assert.equal(refused.exit, 2);
  assert.match(
    refused.talk,
    /expected --remove, for these parts would go:(\n.*)*- grants\/school-board/,
  );
});

test('a call that its grant allows and a limit refused is explained as both', async () => {
  const text = readFileSync(file, 'utf8');
  const grant = '  - consumer: tax-bureau\n';
  writeFileSync(file, text.replace(grant, `${grant}    limits: { perHour: 1 }\n`));
  assert.equal((await sallyport('apply', file, '--dir', dir, '--remove')).exit, 0);
  const ids: string[] = [];
  await until(async () => {
    ids.push(newId());
    const head = { ...callHead(key, 'GET', '/citizens/c-000001'), id: ids.at(-1) };
    const told = await rig.outer.edge.request('call', head).catch(() => undefined);
    return (told?.head as { code?: string } | undefined)?.code === 'RATE_LIMITED';
  });
  writeFileSync(file, text);
  logged = rig.outer;
  let said = '';
  await until(async () => {
    const why = await sallyport('explain', '--exchange', ids.at(-1) ?? '', '--dir', dir);
    said = why.out + why.talk;
    return why.exit === 0;
  });
  assert.match(said, /RATE_LIMITED, the consumer has made too many calls/);
  assert.match(said, /✓ route {5}GET \/citizens\/\{id\} is citizen-registry\/get-citizen/);
  assert.match(said, /limits: 1 perHour \(not counted here\)/);
  assert.match(said, /the terms of the grant allow it; RATE_LIMITED is of what they do not decide/);
});

test('each credential of a consumer is shown with its end and its last use', async () => {
  const listed = await run('consumer', 'list', '--dir', dir);
  assert.match(listed.out, /^tax-bureau +key sp_\w+…\S{4} +no end +used /m);
  assert.match(listed.out, /^school-board +key \(none issued\) +no end +unused$/m);
  assert.equal((await run('consumer', 'list', '--dir', rig.outer.dir)).exit, 2);
});

test('what the inner node alone does is refused at the outer one, before anything is compared', async () => {
  const at = ['--dir', rig.outer.dir];
  const verbs = [
    ...[
      ['apply', file],
      ['apply', file, '--remove'],
      ['apply', '--plan', 'x'],
      ['plan', file],
    ],
    ...[['plans'], ['approve', 'x'], ['withdraw', 'x'], ['rollback', '1', '--remove']],
  ];
  for (const verb of verbs) {
    const { exit, out, talk } = await sallyport(...verb, ...at);
    assert.deepEqual([exit, out], [2, ''], verb.join(' '));
    assert.match(talk, /^sallyport: expected the inner node, got the outer node .*\nhint: .*\n$/);
  }
});

test('a key of a consumer that takes none is not said to be in force', async () => {
  const { exit, talk } = await run('consumer', 'key', 'issue', 'tax-buraeu', '--dir', dir);
  assert.equal(exit, 0);
  assert.match(talk, /no consumer tax-buraeu takes keys in the policy in force/);
  assert.doesNotMatch(talk, /in force at/);
});

test('an audit log is not said to be intact from a block on that it has not', async () => {
  const beyond = await run('audit', 'verify', '--dir', dir, '--first', '99999');
  assert.deepEqual([beyond.exit, beyond.out], [2, '']);
  assert.match(beyond.talk, /expected block 99999 in the log, got none/);
  assert.match((await run('audit', 'show', '--dir', dir, '--exchange', 'zz')).talk, /exchange id/);
  const none = await run('audit', 'show', '--dir', dir, '--exchange', newId());
  assert.deepEqual(
    [none.exit, none.out, none.talk],
    [0, '', 'sallyport: no event of this exchange\n'],
  );
});

test('masks are proposed from samples of answers, which are kept nowhere', async () => {
  const folder = temporaryFolder();
  const document = join(import.meta.dirname, '../../examples/citizen-registry/openapi.json');
  const [one, two] = makePeople(2, 3);
  const lines = join(folder, 'answers.ndjson');
  const list = join(folder, 'list.json');
  writeFileSync(lines, [one, two].map((person) => JSON.stringify(person)).join('\n'));
  writeFileSync(list, JSON.stringify({ items: [one], page: 1 }));
  const out = join(folder, 'made');
  const to = ['--service', 'registry', '--upstream', 'http://127.0.0.1:9100', '--out', out];
  const made = await sallyport('import', document, ...to, '--sample', lines, list);
  assert.equal(made.exit, 0, made.talk);
  assert.match(made.talk, /every value masked; masks proposed: \d+, by samples [1-9]/);
  const yaml = readFileSync(join(out, 'policy.yaml'), 'utf8');
  assert.match(yaml, /\$\.idNumber, transform: fixed \} # resident-id, 2 samples: transform: keep/);
  assert.match(yaml, /\$\.items\[\*\]\.idNumber".*# resident-id, 3 samples/);
  for (const value of [one?.idNumber, one?.phone, one?.name])
    assert.ok(!yaml.includes(value ?? '?'));
  writeFileSync(list, '{"idNumber": "310104197812160962"');
  const elsewhere = [...to.slice(0, -1), join(folder, 'other')];
  const broken = await sallyport('import', document, ...elsewhere, '--sample', list);
  assert.equal(broken.exit, 2);
  assert.match(broken.talk, /cannot take samples of .*list\.json/);
  assert.doesNotMatch(broken.talk, /310104197812160962/);
});

test('a policy with files for scanners is applied with a warning where the node has none', async () => {
  const files = join(temporaryFolder(), 'files');
  cpSync(folder, files, { recursive: true });
  const schema = join(files, 'schemas/address.json');
  const document = JSON.parse(readFileSync(schema, 'utf8'));
  document.properties.proof = { type: 'string', contentEncoding: 'base64' };
  writeFileSync(schema, JSON.stringify(document));
  const own = join(files, 'policy.yaml');
  const text = readFileSync(own, 'utf8');
  const body = 'body: schemas/address.json';
  assert.ok(text.includes(body));
  const withFile = (scan: string): void =>
    writeFileSync(
      own,
      text.replace(
        body,
        `${body}\n          files: [ { field: $.proof, types: [ pdf ], scan: '${scan}' } ]`,
      ),
    );
  withFile('required');
  const applied = await sallyport('apply', own, '--dir', dir);
  assert.equal(applied.exit, 0, applied.talk);
  assert.match(applied.talk, /warning: .* this node has no scanner/);
  withFile('off');
  const off = await sallyport('apply', own, '--dir', dir);
  assert.equal(off.exit, 0, off.talk);
  assert.doesNotMatch(off.talk, /no scanner/);
  assert.match((await sallyport('check', own)).talk, /UNSCANNED the file in \$\.proof/);
});

test('files are imported once and never written over', async () => {
  const out = join(temporaryFolder(), 'made');
  const document = join(import.meta.dirname, '../../examples/citizen-registry/openapi.json');
  const to = ['--service', 'registry', '--upstream', 'http://127.0.0.1:9100', '--out', out];
  assert.equal((await sallyport('import', document, ...to)).exit, 0);
  const made = readFileSync(join(out, 'policy.yaml'));
  assert.equal((await sallyport('import', document, ...to)).exit, 2);
  const same = await sallyport('refresh', out, document, '--service', 'registry');
  assert.deepEqual([same.exit, same.out], [0, '']);
  assert.deepEqual(readFileSync(join(out, 'policy.yaml')), made);
  const page = join(out, 'matrix.html');
  const views = ['matrix', '--policy', out, '--format', 'html', '--lang', 'zh-CN', '--out', page];
  assert.equal((await sallyport(...views)).exit, 0);
  assert.match(readFileSync(page, 'utf8'), /数据分级与字段授权矩阵/);
  const again = await sallyport(...views);
  assert.equal(again.exit, 2);
  assert.match(again.talk, /expected a new file at .*, got one that is there \[USAGE\]/);
  const nowhere = await sallyport(...views.slice(0, -1), join(out, 'nowhere', 'matrix.html'));
  assert.match(nowhere.talk, /got ENOENT \[USAGE\]/);
  assert.equal((await sallyport('matrix')).exit, 2);
  rmSync(out, { recursive: true });
});
