/**
 * Keys, PINs, credentials and values are looked for in everything that two real nodes leave behind: files,
 * logs, metrics, answers, arguments, environments and core dumps, after good calls, bad calls and crashes.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { basename, join } from 'node:path';
import { after, before, test } from 'node:test';
import { control } from '@sallyport/cli/control.ts';
import { type DemoPair, startPair } from '@sallyport/cli/demo/pair.ts';
import { processNames } from '@sallyport/shared/config/home.ts';
import { isAlive, pidOf, processesOf, sleep, statusOf, untilReady } from '../faults/world.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { until } from '../until.ts';
import { filesBelow, found, foundBelow, known, type Sentinel, sentinel } from './sentinels.ts';
import { openVault, type Vault, writeVaultPolicy } from './vault.ts';

const dir = temporaryFolder();
/** Files of an operator, which hold values as they are. */
const elsewhere = temporaryFolder();
/** Answers are kept for their time at the node whose consumer fetches them. */
const answerStore = (place: string): boolean => place.startsWith('outer/data/sallyport.db');
const asked = {
  body: sentinel('value of a request'),
  malformed: sentinel('value of a malformed request'),
  extra: sentinel('value of a refused request'),
  formatted: sentinel('value in another format'),
  filed: sentinel('value in a file'),
  query: sentinel('value of a query'),
  path: sentinel('value in a path'),
  wrongKey: sentinel('key of nobody'),
  wrongPin: sentinel('wrong PIN'),
};
const answered = {
  shown: sentinel('value that the consumer may see', answerStore),
  masked: sentinel('value that is masked'),
  dropped: sentinel('value that is dropped'),
  refused: sentinel('value of a refused answer'),
};
const sentinels: Sentinel[] = [...Object.values(asked), ...Object.values(answered)];
/** What was said to consumers and operators: name → text. */
const told = new Map<string, string>();
let vault: Vault;
let pair: DemoPair;
let apiKey: string;

before(async () => {
  // What the nodes put into temporary files is searched too.
  process.env.TMPDIR = join(dir, 'tmp');
  mkdirSync(process.env.TMPDIR);
  const { shown, masked, dropped, refused } = answered;
  vault = await openVault({
    ...{ shown: shown.value, masked: masked.value },
    ...{ dropped: dropped.value, refused: refused.value },
  });
  const commands: string[] = [];
  const configure = (text: string): string => text.replace('level: info', 'level: debug');
  const say = (command: string): void => void commands.push(command);
  pair = await startPair({ dir, channel: 'link', hsm: 'auto', configure, say });
  const issued = await pair.sallyport('consumer', 'key', 'issue', 'reader', '--dir', pair.inner);
  const policy = writeVaultPolicy(join(dir, 'policy'), vault.url);
  told.set('policy apply', await pair.sallyport('policy', 'apply', policy, '--dir', pair.inner));
  await untilReady(pair.outer);
  await untilReady(pair.inner);
  told.set('commands', commands.join('\n'));
  apiKey = issued.trim();
  sentinels.push(known('credential', apiKey), known('end of a credential', apiKey.slice(-20)));
  for (const home of [pair.outer, pair.inner]) sentinels.push(...keysOf(home));
});

after(async () => {
  await pair?.stop();
  vault?.close();
});

/** The PIN and the TLS keys, which lie in clear in files of their own. */
function keysOf(home: string): Sentinel[] {
  const name = basename(home);
  const ownFile = (file: string) => (place: string) => join(dir, place) === file;
  const pinFile = pinFileOf(home);
  const pin = readFileSync(pinFile, 'utf8').trim();
  const tlsKeys = filesBelow(join(home, 'tls')).filter((file) => file.endsWith('.key'));
  return [
    known(`PIN of ${name}`, pin, ownFile(pinFile)),
    ...tlsKeys.map((file) => {
      const [, line = ''] = readFileSync(file, 'utf8').split('\n');
      return known(`${basename(file)} of ${name}`, line, ownFile(file));
    }),
  ];
}

function pinFileOf(home: string): string {
  const [, file = ''] = /pinFile: ["']?([^"',} ]+)/.exec(configOf(home)) ?? [];
  return file.startsWith('/') ? file : join(home, file);
}

const configOf = (home: string): string => readFileSync(join(home, 'config.yaml'), 'utf8');

interface Call {
  readonly body?: string;
  readonly key?: string;
  readonly type?: string;
}

/** Status of the answer, which is kept whole. */
function call(
  method: string,
  path: string,
  { body, key = apiKey, type = 'application/json' }: Call = {},
): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = {
      authorization: `Bearer ${key}`,
      ...(body !== undefined && { 'content-type': type }),
    };
    const options = { method, headers, ca: readFileSync(pair.caFile), agent: false };
    const outgoing = request(new URL(path, pair.url), options, (incoming) => {
      let text = incoming.rawHeaders.join('\n');
      incoming.setEncoding('utf8').on('data', (chunk) => (text += chunk));
      incoming.on('end', () => {
        const { statusCode: status = 0 } = incoming;
        if (status >= 300) told.set(`answer ${told.size}, ${status}`, text);
        resolve(status);
      });
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

/** Of the supervisor too. */
function pidsOf(home: string): Map<string, number> {
  const { supervisor } = processesOf(home);
  const processes = processNames.map((name) => [name, pidOf(home, name)] as const);
  return new Map([['supervisor', supervisor], ...processes]);
}

test('the search finds a secret however it is written', () => {
  const { body } = asked;
  for (const encoding of ['utf8', 'hex', 'base64', 'base64url'] as const) {
    for (const before of ['', 'a', 'bc', 'def']) {
      const text = Buffer.from(`${before}${body.value} and more`).toString(encoding);
      assert.deepEqual(found('here', Buffer.from(text), sentinels), [`here: ${body.name}`]);
    }
  }
  assert.deepEqual(found('here', randomBytes(100_000), sentinels), []);
});

test('calls, good ones and every kind of bad one, end as they should', async () => {
  const { body, malformed, extra, query, path, wrongKey } = asked;
  const post = (text: string): Promise<number> => call('POST', '/records/good', { body: text });
  assert.equal(await call('GET', `/records/good-${path.value}?q=${query.value}`), 200);
  assert.equal(await post(JSON.stringify({ note: body.value })), 201);
  assert.equal(await post(JSON.stringify({ note: extra.value.repeat(3) })), 422);
  assert.equal(await post(JSON.stringify({ [extra.value]: extra.value })), 422);
  assert.equal(await post(`{"note":"${malformed.value}", ${malformed.value}`), 400);
  assert.equal(await call('GET', '/records/good', { key: wrongKey.value }), 401);
  assert.equal(await call('GET', `/nowhere/${path.value}`), 404);
  assert.equal(await call('GET', `/records/good?${extra.value}=${query.value}`), 422);
  for (const way of ['garbage', 'other', 'fail', 'reset']) {
    assert.equal(await call('GET', `/records/${way}`), 502, way);
  }
});

test('so do bodies in other formats and with files, good ones and bad ones', async () => {
  const { formatted, filed } = asked;
  const { value } = formatted;
  const bodies = {
    xml: ['application/xml', `<note><note>${value}</note></note>`, `<note><note>${value}</other>`],
    csv: ['text/csv', `shown,masked\r\n${value},1\r\n`, `shown,masked\r\n"${value}`],
    form: ['application/x-www-form-urlencoded', `note=${value}`, `note=${value}&note=${value}`],
    ndjson: ['application/x-ndjson', `{"shown":"${value}"}\n`, `{"shown":"${value}"\n`],
  } as const;
  for (const [format, [type, good, bad]] of Object.entries(bodies)) {
    assert.equal(await call('POST', `/${format}`, { body: good, type }), 201, format);
    assert.equal(await call('POST', `/${format}`, { body: bad, type }), 400, format);
    const other = good.replace(/note>|shown|note=/g, (name) => `x${name}`);
    assert.ok((await call('POST', `/${format}`, { body: other, type })) >= 400, format);
  }
  const file = (content: string): string =>
    JSON.stringify({ file: Buffer.from(content).toString('base64') });
  assert.equal(await call('POST', '/files', { body: file(`minutes ${filed.value}`) }), 201);
  assert.equal(await call('POST', '/files', { body: file(`%PDF-1.7 ${filed.value}`) }), 415);
  assert.equal(await call('POST', '/files', { body: file(`PK\x03\x04${filed.value}`) }), 415);
  assert.equal(await call('POST', '/files', { body: `{"file":"${filed.value}"}` }), 422);
  for (const way of ['file', 'csv']) assert.equal(await call('GET', `/records/${way}`), 502, way);
});

test('after a crash of any process its core dump holds no memory', async (t) => {
  for (const home of [pair.outer, pair.inner]) {
    for (const [name, pid] of pidsOf(home)) {
      const filter = readFileSync(`/proc/${pid}/coredump_filter`, 'utf8');
      assert.match(filter, /^0+\n$/, `${basename(home)} ${name}`);
    }
  }
  const calls = Array.from({ length: 20 }, () => call('GET', '/records/good').catch(() => 0));
  const crashing = [...pidsOf(pair.outer)].filter(([name]) => name !== 'supervisor');
  const dumps = crashing.filter(([, pid]) => {
    const unlimited = ['--pid', `${pid}`, '--core=unlimited:unlimited'];
    return spawnSync('prlimit', unlimited).status === 0;
  });
  for (const [, pid] of crashing) process.kill(pid, 'SIGABRT');
  await until(() => !crashing.some(([, pid]) => isAlive(pid)));
  await Promise.all(calls);
  await untilReady(pair.outer);
  const pattern = readFileSync('/proc/sys/kernel/core_pattern', 'utf8');
  const cores = filesBelow(pair.outer).filter((file) => basename(file).startsWith('core'));
  t.diagnostic(`${cores.length} core dumps, pattern ${pattern.trim()}`);
  if (/^core/.test(pattern) && dumps.length > 0)
    assert.ok(cores.length > 0, 'a core dump is there');
});

test('no signal opens a debugger', async () => {
  const pids = processNames.map((name) => pidOf(pair.inner, name));
  for (const pid of pids) process.kill(pid, 'SIGUSR1');
  await sleep(500);
  assert.ok(pids.every(isAlive));
  for (const name of processNames) {
    const log = readFileSync(join(pair.inner, 'log', `${name}.log`), 'utf8');
    assert.doesNotMatch(log, /debugger/i, name);
  }
});

test('a signer with a wrong PIN says so', async (t) => {
  const file = pinFileOf(pair.outer);
  const right = readFileSync(file);
  t.after(() => writeFileSync(file, right));
  writeFileSync(file, asked.wrongPin.value);
  process.kill(pidOf(pair.outer, 'signer'), 'SIGKILL');
  await until(async () => {
    const status = await statusOf(pair.outer).catch(() => undefined);
    told.set('status with a wrong PIN', JSON.stringify(status));
    const signer = status?.processes.find(({ name }) => name === 'signer');
    return JSON.stringify(signer?.told ?? '').includes('HSM_PIN');
  });
  told.set('verb', await pair.sallyport('status', '--dir', pair.outer).catch(String));
  writeFileSync(file, right);
  process.kill(pidOf(pair.outer, 'signer'), 'SIGKILL');
  await untilReady(pair.outer);
});

test('no argument, no environment and nothing that is told holds a secret', async () => {
  for (const home of [pair.outer, pair.inner]) {
    told.set(`status of ${basename(home)}`, await pair.sallyport('status', '--dir', home));
    for (const verb of [
      ['audit', 'show'],
      ['policy', 'history'],
      ['policy', 'matrix'],
    ]) {
      const said = await pair.sallyport(...verb, '--dir', home);
      assert.ok(said.length > 0, verb.join(' '));
      told.set(`${verb.join(' ')} of ${basename(home)}`, said);
    }
    const shown = told.get(`audit show of ${basename(home)}`) ?? '';
    const [, exchange = ''] = /(?:decide|accept) .*exchangeId=([0-9a-f]{32})/.exec(shown) ?? [];
    for (const about of [
      ['--exchange', exchange],
      ['--consumer', 'reader', '--path', '/records/good'],
    ]) {
      const said = await pair.sallyport('policy', 'explain', ...about, '--dir', home);
      assert.match(said, /by policy version/);
      told.set(`explain ${about[0]} of ${basename(home)}`, said);
    }
    const { body: exchanges } = await control(home, 'exchanges');
    told.set(`exchanges of ${basename(home)}`, String(exchanges));
    for (const [name, pid] of pidsOf(home)) {
      for (const file of ['cmdline', 'environ']) {
        told.set(`${basename(home)} ${name} ${file}`, readFileSync(`/proc/${pid}/${file}`, 'utf8'));
      }
    }
  }
  for (const url of pair.managementUrls) {
    for (const path of ['/metrics', '/healthz', '/readyz']) {
      told.set(`${url}${path}`, await (await fetch(url + path)).text());
    }
  }
  const places = [...told].flatMap(([name, text]) => found(name, Buffer.from(text), sentinels));
  assert.deepEqual(places, []);
  assert.ok(told.size > 40, `${told.size} texts were searched`);
});

test('a preview of masks shows nothing of them, and a masked file holds nothing of them', async () => {
  const record = JSON.stringify({ masked: answered.masked.value, dropped: answered.dropped.value });
  const files = ['in.json', 'in.ndjson', 'out.ndjson'].map((name) => join(elsewhere, name));
  const [one = '', many = '', out = ''] = files;
  writeFileSync(one, record);
  writeFileSync(many, `${record}\n`);
  const by = ['--policy', join(dir, 'policy'), '--consumer', 'reader', '--route', 'vault/read'];
  const previewed = JSON.parse(await pair.sallyport('mask', 'try', ...by, '--json', one));
  const counts = await pair.sallyport('mask', 'run', ...by, many, out);
  const texts = [JSON.stringify(previewed.after), counts, readFileSync(out, 'utf8')];
  assert.ok(texts.every((text) => text.length > 2));
  const places = texts.flatMap((text, at) => found(`text ${at}`, Buffer.from(text), sentinels));
  assert.deepEqual(places, []);
});

test('no file holds a secret, but the few of the design', async () => {
  // The same search without leave finds what a node must keep, so it looks where it should.
  const kept = foundBelow(dir, [{ ...answered.shown, allowed: () => false }]);
  assert.ok(kept.some(answerStore), 'the answer is found where it is kept');
  assert.deepEqual(foundBelow(dir, sentinels), []);
  await pair.stop();
  assert.deepEqual(foundBelow(dir, sentinels), []);
  const open = filesBelow(dir).filter((file) => {
    const isOurs = /\/(keys|tls|data|spool|archive|log)\/.*(?<!\.pem)$|\.pin$/.test(file);
    return isOurs && (statSync(file).mode & 0o077) !== 0;
  });
  assert.deepEqual(open, [], 'what is secret is readable for its owner alone');
});
