/** Conditions: what they can ask, and everything that is refused before it is ever run. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Facts, readCondition } from '@sallyport/shared/policy/conditions.ts';
import { isWithin, parseAddress, parseNetwork } from '@sallyport/shared/policy/network.ts';
import { localDate } from '@sallyport/shared/zones.ts';
import fc from 'fast-check';

const facts: Facts = {
  // A Monday, 09:30 in Shanghai.
  nowMs: Date.parse('2026-03-02T01:30:00Z'),
  method: 'GET',
  consumer: { name: 'tax-bureau' },
  route: {
    flow: 'citizen-registry/get-citizen',
    service: 'citizen-registry',
    name: 'get-citizen',
    owner: 'civil-affairs',
    level: 'important',
  },
  source: { ip: '10.1.2.3' },
  risk: { score: 20 },
};

function holds(text: string, given: Facts = facts): boolean {
  const read = readCondition(text);
  if ('fault' in read) throw new Error(`${text}: ${read.fault}`);
  return read.condition.holds(given);
}

test('a condition asks for time, source, consumer, route and risk', () => {
  for (const text of [
    'request.time.getHours("Asia/Shanghai") >= 8 && request.time.getHours("Asia/Shanghai") < 18',
    'request.time.getDayOfWeek("Asia/Shanghai") in [1, 2, 3, 4, 5]',
    'request.time.getHours() == 1 && request.time.getMinutes("Asia/Kathmandu") == 15',
    'request.time >= timestamp("2026-01-01T00:00:00Z")',
    'source.ip.inCidr("10.1.0.0/16")',
    'source.ip.inCidr(["192.0.2.0/24", "10.1.2.3"])',
    'consumer.name == "tax-bureau" || consumer.name.startsWith("police-")',
    'route.level != "core" && route.owner == "civil-affairs"',
    'route.flow == "citizen-registry/get-citizen" && request.method in ["GET", "PUT"]',
    'risk.score < 50',
  ]) {
    assert.equal(holds(text), true, text);
    assert.equal(holds(`!(${text})`), false, text);
  }
});

test('what a condition reads of the outer node is known', () => {
  const reads = (text: string) => {
    const read = readCondition(text);
    assert.ok('condition' in read);
    return [...read.condition.reads].sort();
  };
  assert.deepEqual(reads('request.method == "GET"'), []);
  assert.deepEqual(reads('source.ip.inCidr("10.0.0.0/8") || risk.score > 3'), ['risk', 'source']);
});

test('a condition without an answer is no answer', () => {
  const { source: _source, risk: _risk, ...without } = facts;
  const failed = { code: 'CONDITION_FAILED' };
  assert.throws(() => holds('source.ip.inCidr("10.1.0.0/16")', without), failed);
  assert.throws(() => holds('risk.score < 50', without), failed);
  assert.throws(() => holds('1 / (risk.score - 20) > 0'), failed);
  assert.throws(() => holds('source.ip.inCidr("::/0")', { ...facts, source: { ip: 'x' } }), failed);
});

test('what is not of the profile is a fault', () => {
  const many = Array.from({ length: 65 }, () => '1').join(', ');
  for (const [text, fault] of [
    ['', /CEL/],
    ['request.time.getHours(', /CEL/],
    ['request.time.getHours() > "8"', /overload/],
    ['request.tim > 3', /tim/],
    ['nobody.knows', /nobody/],
    ['1 + 1', /true or false, got int/],
    ['source', /true or false/],
    ['consumer.name.matches("(a+)+$")', /no method "matches"/],
    ['[1, 2].all(x, x > 1)', /no method "all"|expected/],
    ['has(request.time)', /no function "has"/],
    ['dyn(1) == 1', /no function "dyn"/],
    ['{"a": 1}.a == 1', /CEL/],
    ['consumer["name"] == "a"', /no "\[\]"/],
    ['b"a" == b"a"', /bytes/],
    ['source.ip.inCidr(consumer.name)', /networks written out/],
    ['source.ip.inCidr("10.1.2.3/16")', /no host bits/],
    ['source.ip.inCidr(["10.0.0.0/8", "10.0.0.0/33"])', /networks written out/],
    ['request.time.getHours("Mars/Olympus") > 1', /zone written out/],
    ['request.time.getHours(consumer.name) > 1', /zone written out/],
    ['request.time < timestamp("soon")', /moment written out/],
    [`1 in [${many}]`, /CEL/],
    [
      Array.from({ length: 130 }, () => '1')
        .join('+')
        .concat(' > 0'),
      /CEL/,
    ],
    [`${'('.repeat(100)}true${')'.repeat(100)}`, /CEL/],
    [`"${'x'.repeat(1100)}" == ""`, /at most 1024 bytes/],
  ] as const) {
    const read = readCondition(text);
    assert.ok('fault' in read, text);
    assert.match(read.fault, fault, text);
  }
});

test('any text is a condition or a fault, at once', () => {
  const piece = fc.constantFrom(
    ...['request', '.time', '.getHours', '(', ')', '"UTC"', '&&', '||', '!', '1', ' < ', 'source'],
    ...['.ip', '.inCidr', '[', ']', '"10.0.0.0/8"', ',', '?', ':', 'risk.score', '-', 'true', '\\'],
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
      const read = readCondition(pieces.join(''));
      if ('fault' in read) return;
      try {
        assert.equal(typeof read.condition.holds(facts), 'boolean');
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'CONDITION_FAILED');
      }
    }),
    { seed: 1, numRuns: 2000 },
  );
});

test('an address lies in a network by its leading bits', () => {
  const within = (ip: string, text: string): boolean => {
    const [address, network] = [parseAddress(ip), parseNetwork(text)];
    assert.ok(address && network, `${ip} ${text}`);
    return isWithin(address, network);
  };
  assert.equal(within('10.1.255.255', '10.1.0.0/16'), true);
  assert.equal(within('10.2.0.0', '10.1.0.0/16'), false);
  assert.equal(within('203.0.113.7', '0.0.0.0/0'), true);
  assert.equal(within('2001:db8::1', '2001:db8::/32'), true);
  assert.equal(within('2001:db9::1', '2001:db8::/32'), false);
  assert.equal(within('::1', '0.0.0.0/0'), false);
  assert.equal(within('fe80::1%eth0', 'fe80::/10'), true);
  for (const text of ['', '1.2.3', '1.2.3.256', '01.2.3.4', '1.2.3.4.5', ':::', '1::2::3', 'g::']) {
    assert.equal(parseAddress(text), undefined, text);
  }
  for (const text of ['10.0.0.0/', '10.0.0.0/08', '10.0.0.0/8/8', '10.0.0.1/8', '::1/64']) {
    assert.equal(parseNetwork(text), undefined, text);
  }
});

test('a zone keeps its own time when its clocks are changed', () => {
  const at = (text: string) => localDate(Date.parse(text), 'Europe/Berlin')?.toISOString();
  assert.equal(at('2026-03-29T00:59:59.500Z'), '2026-03-29T01:59:59.500Z');
  assert.equal(at('2026-03-29T01:00:00Z'), '2026-03-29T03:00:00.000Z');
  assert.equal(at('2026-10-25T00:59:00Z'), '2026-10-25T02:59:00.000Z');
  assert.equal(at('2026-10-25T01:00:00Z'), '2026-10-25T02:00:00.000Z');
});
