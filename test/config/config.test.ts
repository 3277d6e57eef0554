import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from '@sallyport/shared/config/config.ts';
import { processesOf, processNames } from '@sallyport/shared/config/home.ts';
import { SallyportError } from '@sallyport/shared/errors.ts';
import { limits } from '@sallyport/shared/limits.ts';

const outer = `role: outer
node: outer-1
edge:
  listen: { host: 127.0.0.1, port: 8443 }
management: { host: 127.0.0.1, port: 9600 }
channel:
  send: { kind: link, host: inner.example, port: 9701 }
  receive: { kind: link, host: 127.0.0.1, port: 9702 }
hsm: { kind: soft, file: keys/soft.keystore, pinFile: keys/pin }
`;
const inner = outer
  .replace('role: outer', 'role: inner')
  .replace('edge:\n  listen: { host: 127.0.0.1, port: 8443 }\n', '');

function faults(text: string): string[] {
  try {
    parseConfig(text, 'config.yaml');
  } catch (thrown) {
    assert.ok(thrown instanceof SallyportError, String(thrown));
    assert.equal(thrown.code, 'CONFIG_INVALID');
    assert.ok(thrown.hint);
    return thrown.message.split('\n');
  }
  return [];
}

test('a good config parses, with its defaults, and is frozen to the bottom', () => {
  const config = parseConfig(outer, 'config.yaml');
  const listen = { host: '127.0.0.1', port: 8443 };
  assert.deepEqual(config.edge, { listen, tls: true, clientCertificates: false });
  assert.deepEqual(config.log, { level: 'info' });
  assert.equal(config.package.expiresMs, limits.packageExpiresLinkMs);
  assert.throws(() => Object.assign(config.edge.listen ?? {}, { port: 1 }), TypeError);
  assert.equal(parseConfig(inner, 'config.yaml').edge.listen, undefined);
});

test('a package holds as many messages as one can, unless the config says fewer', () => {
  const messagesMax = (text: string) => parseConfig(text, 'c').package.messagesMax;
  assert.equal(messagesMax(outer), limits.messagesPerPackageMax - 2);
  assert.equal(messagesMax(`${outer}package: { messagesMax: 1 }\n`), 1);
});

test('scanners have an address, a name of their own and defaults; without any there is no process', () => {
  const parse = (scanners: string) => parseConfig(`${outer}scanners:\n${scanners}`, 'c');
  assert.deepEqual(parseConfig(outer, 'c').scanners, []);
  assert.deepEqual(processesOf(parseConfig(outer, 'c')), processNames);
  const config = parse(`  - { kind: clamd, socket: /run/clamd.sock }
  - kind: clamd
    name: second
    address: { host: 127.0.0.1, port: 3310 }
    databaseAgeHoursMax: 240
    timeZone: Asia/Shanghai
  - { kind: icap, url: "icap://[::1]:1344/avscan", timeoutMs: 500 }
`);
  assert.deepEqual(config.scanners[0], {
    ...{ kind: 'clamd', name: 'clamd', socket: '/run/clamd.sock' },
    ...{ timeoutMs: limits.scanTimeoutMs, databaseAgeHoursMax: 48 },
  });
  assert.deepEqual(
    config.scanners.map(({ name }) => name),
    ['clamd', 'second', 'icap'],
  );
  assert.deepEqual(processesOf(config), [...processNames, 'scanner']);
  const wrong = [
    '  - { kind: clamd }',
    '  - { kind: clamd, socket: a, address: { host: 127.0.0.1, port: 1 } }',
    '  - { kind: clamd, socket: a, databaseAgeHoursMax: 10000 }',
    '  - { kind: clamd, socket: a, timeZone: Mars/Olympus }',
    '  - { kind: clamd, socket: a, timeZone: "+08:00" }',
    '  - { kind: icap, url: "http://127.0.0.1/scan" }',
    '  - { kind: icap, url: "icap://127.0.0.1" }',
    '  - { kind: icap, url: "icap://user@127.0.0.1/scan" }',
    '  - { kind: icap, url: "icap://127.0.0.1/scan", timeoutMs: 60000 }',
    '  - { kind: other, socket: a }',
    '  - { kind: clamd, socket: a }\n  - { kind: clamd, socket: b }',
  ];
  for (const scanners of wrong) {
    assert.ok(faults(`${outer}scanners:\n${scanners}\n`).length > 0, scanners);
  }
});

test('a package on a directory channel lives for weeks unless the config says otherwise', () => {
  const ferried = outer.replace(/send: \{.*\}/, 'send: { kind: directory, dir: /srv/out }');
  assert.equal(parseConfig(ferried, 'c').package.expiresMs, limits.packageExpiresDirectoryMs);
  assert.equal(
    parseConfig(`${ferried}package: { expiresMs: 5000 }\n`, 'c').package.expiresMs,
    5000,
  );
});

test('all faults come at once, each with its line, in the order of the file', () => {
  const bad = `role: middle
node: Outer One
edge:
  listen: { host: 127.0.0.1, port: 99999 }
  tsl: true
management: { host: 127.0.0.1 }
channel:
  send: { kind: pigeon }
  receive: { kind: link, host: 127.0.0.1, port: "9702" }
hsm: { kind: soft, file: keys/soft.keystore, pin: 1234 }
colour: red
`;
  assert.deepEqual(faults(bad), [
    'config.yaml:1: role: expected outer or inner',
    'config.yaml:2: node: expected lower-case letters, digits and hyphens, at most 63',
    'config.yaml:4: edge.listen.port: expected at most 65535',
    'config.yaml:5: edge.tsl: unknown key',
    'config.yaml:6: management.port: expected number, got nothing',
    'config.yaml:8: channel.send.kind: expected link or directory',
    'config.yaml:9: channel.receive.port: expected number, got string',
    'config.yaml:10: hsm.pinFile: expected string, got nothing',
    'config.yaml:10: hsm.pin: unknown key',
    'config.yaml:11: colour: unknown key',
  ]);
  assert.ok(!faults(bad).some((line) => line.includes('1234')), 'a value may be a secret');
});

test('combinations are checked together with single faults', () => {
  const bad = `${inner}edge:
  listen: { host: 10.0.0.1, port: 8443 }
  tls: false
colour: red
`;
  assert.deepEqual(faults(bad), [
    'config.yaml:9: edge.listen: expected no address: an inner node takes no calls',
    'config.yaml:10: edge.tls: expected true: without TLS only a loopback address may listen',
    'config.yaml:11: colour: unknown key',
  ]);
  assert.deepEqual(faults(outer.replace('port: 8443', 'port: 9702')), [
    'config.yaml:5: management: expected each listening address once',
  ]);
  assert.deepEqual(faults(outer.replace(/edge:\n.*\n/, '')), [
    'config.yaml:1: edge.listen: expected the address where the outer node takes calls',
  ]);
  const asking = outer.replace('edge:\n', 'edge:\n  tls: false\n  clientCertificates: true\n');
  assert.deepEqual(faults(asking), [
    'config.yaml:5: edge.clientCertificates: expected false: only a TLS listener can ask for them',
  ]);
  assert.deepEqual(faults(`${outer}upstreams: { ca: ca.pem }\n`), [
    'config.yaml:10: upstreams.ca: expected nothing: an outer node calls no upstream',
  ]);
});

test('one directory cannot be both channels', () => {
  const both = outer
    .replace(/send: \{.*\}/, 'send: { kind: directory, dir: /srv/x }')
    .replace(/receive: \{.*\}/, 'receive: { kind: directory, dir: /srv/x }');
  assert.deepEqual(faults(both), [
    'config.yaml:8: channel.receive.dir: expected another directory than channel.send has',
  ]);
});

test('what is no plain YAML mapping is refused', () => {
  assert.match(faults('role: [')[0] ?? '', /^config\.yaml:1: /);
  assert.match(faults('role: outer\nrole: inner\n')[0] ?? '', /^config\.yaml:2: .*unique/);
  assert.deepEqual(faults('a: &x 1\nb: *x\n'), ['config.yaml:1: expected no aliases']);
  assert.ok(faults('').length > 3, 'an empty file lacks everything');
  assert.match(faults('- outer\n')[0] ?? '', /expected object/);
  assert.match(faults(`#${'x'.repeat(70_000)}`)[0] ?? '', /expected at most 65536 bytes/);
});
