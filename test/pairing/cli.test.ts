import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { temporaryFolder } from '../temporary-folder.ts';

const program = join(import.meta.dirname, '../../bin/sallyport');
const dir = temporaryFolder();
const at = (name: string): string => join(dir, name);

function sallyport(...args: string[]) {
  return spawnSync(program, args, { encoding: 'utf8', cwd: dir, stdio: ['pipe', 'pipe', 'pipe'] });
}

const fingerprint = (node: string): string =>
  JSON.parse(sallyport('pair', 'show', '--dir', at(node), '--json').stdout).self.fingerprint;

before(() => {
  for (const role of ['outer', 'inner']) {
    const made = sallyport('init', '--role', role, '--dir', at(role));
    assert.equal(made.status, 0, made.stderr);
    assert.match(made.stderr, /soft keystore, which is no HSM/);
    const pin = readFileSync(at(`${role}/keys/pin`), 'utf8').trim();
    assert.ok(!`${made.stdout}${made.stderr}`.includes(pin), 'the PIN is not shown');
    const exported = sallyport('pair', 'export', '--dir', at(role), '--out', at(`${role}.trust`));
    assert.equal(exported.status, 0, exported.stderr);
  }
});

test('the command runs the pinned Node, also through a link', () => {
  symlinkSync(program, at('linked'));
  const { stdout, status } = spawnSync(at('linked'), ['version'], { encoding: 'utf8' });
  assert.equal(status, 0);
  assert.match(stdout, /^sallyport \S+ \(node v26\./);
});

test('a command line that is wrong exits 2, a refusal 1, help 0', () => {
  assert.equal(sallyport('pair', 'shwo').status, 2);
  assert.equal(sallyport('init', '--role', 'middle', '--dir', 'x').status, 2);
  assert.equal(sallyport('init', '--role', 'inner', '--dir', 'x', '--edge', 'a:1').status, 2);
  assert.equal(sallyport('init', '--role', 'outer', '--dir', 'x', '--send', 'pigeon:1').status, 2);
  assert.equal(sallyport('init', '--role', 'outer', '--dir', 'x', '--hsm', 'pkcs11').status, 2);
  const again = sallyport('init', '--role', 'outer', '--dir', at('outer'));
  assert.equal(again.status, 1);
  assert.match(again.stderr, /^sallyport: .*\[HOME_EXISTS\]\nhint: /);
  assert.equal(sallyport('--help').status, 0);
});

test('nobody to ask and no fingerprint: the peer is not taken', () => {
  const refused = sallyport('pair', 'import', at('inner.trust'), '--dir', at('outer'));
  assert.equal(refused.status, 1);
  assert.match(refused.stderr, /\[PEER_UNCONFIRMED\]/);
  assert.ok(!existsSync(at('outer/peer.trust')));
});

test('a node without a peer does not start', () => {
  const refused = sallyport('run', '--dir', at('inner'));
  assert.equal(refused.status, 1);
  assert.match(refused.stderr, /\[PEER_MISSING\]\nhint: .*pair export/);
});

test('with the fingerprint of the other side two nodes are paired', () => {
  const wrong = sallyport(
    ...['pair', 'import', at('inner.trust'), '--dir', at('outer')],
    ...['--fingerprint', fingerprint('outer')],
  );
  assert.match(wrong.stderr, /\[PEER_WRONG\]/);
  const right = sallyport(
    ...['pair', 'import', at('inner.trust'), '--dir', at('outer')],
    ...['--fingerprint', fingerprint('inner')],
  );
  assert.equal(right.status, 0, right.stderr);
  const shown = JSON.parse(sallyport('pair', 'show', '--dir', at('outer'), '--json').stdout);
  assert.deepEqual(shown.peer, {
    node: 'inner-1',
    role: 'inner',
    fingerprint: fingerprint('inner'),
  });
});

test('another peer does not take the place of one that was confirmed', () => {
  assert.equal(sallyport('init', '--role', 'inner', '--dir', at('third')).status, 0);
  sallyport('pair', 'export', '--dir', at('third'), '--out', at('third.trust'));
  const other = sallyport(
    ...['pair', 'import', at('third.trust'), '--dir', at('outer')],
    ...['--fingerprint', fingerprint('third')],
  );
  assert.equal(other.status, 1);
  assert.match(other.stderr, /\[PEER_CHANGED\]\nhint: /);
  const shown = JSON.parse(sallyport('pair', 'show', '--dir', at('outer'), '--json').stdout);
  assert.equal(shown.peer.fingerprint, fingerprint('inner'));
});

test('an issued key is shown once, and only the inner node issues', () => {
  const issued = sallyport('consumer', 'key', 'issue', 'tax-bureau', '--dir', at('inner'));
  assert.equal(issued.status, 0, issued.stderr);
  const key = issued.stdout.trim();
  assert.match(key, /^sp_[0-9a-f]{12}_[\w-]{43}$/);
  const kept = readFileSync(at('inner/policy/credentials.json'), 'utf8');
  assert.ok(!kept.includes(key), 'it is kept nowhere');
  const listed = sallyport('consumer', 'key', 'list', '--dir', at('inner')).stdout;
  assert.match(listed, /tax-bureau/);
  assert.ok(!listed.includes(key));
  const outer = sallyport('consumer', 'key', 'issue', 'tax-bureau', '--dir', at('outer'));
  assert.equal(outer.status, 2);
  const past = ['--expires', '2020-01-01'];
  assert.equal(sallyport('consumer', 'key', 'issue', 'x', '--dir', at('inner'), ...past).status, 2);
});

test('at a terminal a person confirms by saying yes, and nothing else', (t) => {
  const atTerminal = (said: string): string => {
    const line = `${program} pair import ${at('outer.trust')} --dir ${at('inner')}`;
    const { stdout } = spawnSync('script', ['-qec', line, '/dev/null'], {
      encoding: 'utf8',
      input: `${said}\n`,
    });
    return stdout;
  };
  if (spawnSync('script', ['--version']).status !== 0) return t.skip('needs script(1)');
  assert.match(atTerminal('y'), /outer node outer-1 says[\s\S]*\[PEER_UNCONFIRMED\]/);
  assert.ok(!existsSync(at('inner/peer.trust')));
  assert.match(atTerminal('yes'), /inner-1 is paired with outer-1/);
  assert.ok(existsSync(at('inner/peer.trust')));
});
