import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkPolicy, formatFault, requirePolicy } from '@sallyport/shared/policy/check.ts';
import type { Fault } from '@sallyport/shared/policy/model.ts';
import { type PolicySource, schemaFilesOf } from '@sallyport/shared/policy/source.ts';
import { policyOf, policyText, schemaDocuments, sourceOf } from './fixture.ts';

test('the fixture has no fault and defaults are filled in', () => {
  const policy = policyOf();
  const [service] = policy.services;
  assert.deepEqual(service?.upstream, {
    targets: [{ url: 'http://127.0.0.1:9100', weight: 1 }],
    timeoutMs: 5000,
  });
  assert.deepEqual(
    service?.routes.map(({ name }) => name),
    ['get-citizen', 'list-citizens', 'move'],
  );
  const move = service?.routes[2];
  assert.deepEqual(
    [move?.timeoutMs, move?.deadlineMs, move?.idempotent, move?.idempotencyKey],
    [6000, 60000, true, true],
  );
  const read = service?.routes[0];
  assert.deepEqual([read?.timeoutMs, read?.deadlineMs, read?.idempotent], [10_000, 60_000, false]);
  assert.equal(read?.response.schema?.additionalProperties, false);
});

test('a grant for several routes becomes one each, with the fields that the route knows', () => {
  const grants = policyOf().grants.map(({ consumer, flow, fields }) => [
    consumer,
    flow,
    fields.join(' '),
  ]);
  assert.deepEqual(grants, [
    ['school-board', 'citizen-registry/get-citizen', '$'],
    ['tax-bureau', 'citizen-registry/get-citizen', '$.address.district $.idNumber $.name $.phone'],
    ['tax-bureau', 'citizen-registry/list-citizens', '$.items[*].name'],
    ['tax-bureau', 'citizen-registry/move', ''],
  ]);
});

test('until holds to the end of its day in UTC', () => {
  assert.equal(policyOf().grants[1]?.untilMs, Date.UTC(2027, 6, 1));
  const [grant] = policyOf([
    ['until: 2027-06-30', 'until: 2027-06-30T08:00:00+08:00'],
  ]).grants.slice(1);
  assert.equal(grant?.untilMs, Date.UTC(2027, 5, 30));
});

const grantLine = "fields: [ $.name, $.idNumber, $.phone, $.address.district, '$.items[*].name' ]";
/** Exceptions for these fields, before the `until` of the first grant. */
function unmasked(field: string, until: string, ...more: string[]): string {
  const why = `reason: tax audit 7, approver: chen, until: ${until}`;
  const all = [field, ...more].map((one) => `      - { field: ${one}, ${why} }`);
  return ['    unmasked:', ...all, '    until:'].join('\n');
}

const oneFault: readonly (readonly [
  string,
  readonly (readonly [string, string])[],
  string,
  RegExp,
])[] = [
  [
    'an unknown key',
    [['    owner:', '    ownr: x\n    owner:']],
    'ownr',
    /ownr: unknown key "ownr"/,
  ],
  [
    'a condition that is no CEL',
    [['    until:', "    when: 'source.ip ='\n    until:"]],
    'when',
    /grants\[0\]\.when: expected a condition of CEL/,
  ],
  [
    'a condition of another type',
    [['    until:', "    when: 'risk.score + 1'\n    until:"]],
    'when',
    /true or false, got int/,
  ],
  [
    'a start that is no date',
    [['    until:', '    from: soon\n    until:']],
    'from',
    /from: expected a date/,
  ],
  [
    'an end before its start',
    [['    until:', '    from: 2027-07-01\n    until:']],
    'until',
    /expected an end after "from"/,
  ],
  [
    'limits without a period',
    [['    until:', '    limits: {}\n    until:']],
    'limits',
    /expected a number of calls/,
  ],
  [
    'a limit of nothing',
    [['    until:', '    limits: { perMinute: 0 }\n    until:']],
    'perMinute',
    /perMinute: expected at least 1/,
  ],
  [
    'a limit of an unknown period',
    [['    until:', '    limits: { perDay: 1, perWeek: 5 }\n    until:']],
    'perWeek',
    /unknown key "perWeek"/,
  ],
  [
    'an exception without a mask',
    [['    until:', unmasked('$.address.district', '2026-06-30')]],
    'field',
    /expected exactly the field of a mask/,
  ],
  [
    'an exception beside the grant',
    [['    until:', unmasked('$.email', '2026-06-30')]],
    'field',
    /expected a field that the grant gives/,
  ],
  [
    'an exception without end',
    [
      [
        '    until:',
        '    unmasked: [ { field: $.name, reason: tax audit 7, approver: chen } ]\n    until:',
      ],
    ],
    '{ field',
    /until: expected string/,
  ],
  [
    'an exception for too long',
    [['    until:', unmasked('$.name', '2028-06-30')]],
    'until',
    /at most 366 days from now/,
  ],
  [
    'an exception without reason',
    [
      [
        '    until:',
        '    unmasked: [ { field: $.name, reason: none, approver: chen, until: 2026-06-30 } ]\n    until:',
      ],
    ],
    'reason',
    /reason: expected at least 8/,
  ],
  [
    'an exception without approver',
    [
      [
        '    until:',
        '    unmasked: [ { field: $.name, reason: tax audit 7, until: 2026-06-30 } ]\n    until:',
      ],
    ],
    '{ field',
    /approver: expected string/,
  ],
  [
    'two exceptions for a field',
    [['    until:', unmasked('$.name', '2026-06-30', '$.name')]],
    'field',
    /one exception for a field/,
  ],
  [
    'a deny rule of an unknown consumer',
    [['grants:', 'deny:\n  - { name: freeze, reason: data audit, consumers: [nobody] }\ngrants:']],
    'nobody',
    /expected a consumer of the policy/,
  ],
  [
    'a deny rule of an unknown route',
    [['grants:', 'deny:\n  - { name: freeze, reason: data audit, routes: [x/*] }\ngrants:']],
    'x/*',
    /expected service\/route or service\/\*/,
  ],
  [
    'a deny rule of an unknown group',
    [['grants:', 'deny:\n  - { name: freeze, reason: data audit, groups: [all] }\ngrants:']],
    'all',
    /expected a group of the policy/,
  ],
  [
    'a deny rule without reason',
    [['grants:', 'deny:\n  - { name: freeze }\ngrants:']],
    '{ name',
    /reason: expected string/,
  ],
  [
    'a deny rule with a bad condition',
    [['grants:', 'deny:\n  - { name: freeze, reason: data audit, when: "1" }\ngrants:']],
    'when',
    /true or false, got int/,
  ],
  [
    'an unknown key at the top',
    [['services:', 'extra: 1\nservices:']],
    'extra',
    /unknown key "extra"/,
  ],
  [
    'a wrong type',
    [['timeoutMs: 6000', 'timeoutMs: soon']],
    'timeoutMs: soon',
    /expected (number|int), got string/,
  ],
  [
    'a missing key',
    [['    owner: civil-affairs\n', '']],
    'name: citizen-registry',
    /owner: expected string, got undefined/,
  ],
  [
    'a name with capitals',
    [
      ['name: move', 'name: Move'],
      ['citizen-registry/move', 'citizen-registry/Move'],
    ],
    'name: Move',
    /expected a name of/,
  ],
  [
    'an unknown level',
    [['important', 'secret']],
    'level: secret',
    /expected core or important or general/,
  ],
  [
    'an unknown credential',
    [
      [
        'credentials: [ { type: key } ]\n  - name: school',
        'credentials: [ { type: password } ]\n  - name: school',
      ],
    ],
    'type: password',
    /expected key/,
  ],
  [
    'an unknown transform',
    [['transform: email', 'transform: scramble']],
    'transform: scramble',
    /expected one of the transforms/,
  ],
  [
    'an upstream URL with a password',
    [['http://127', 'http://a:b@127']],
    'url:',
    /expected an http or https URL/,
  ],
  [
    'an upstream of another scheme',
    [['http://127', 'file://127']],
    'url:',
    /expected an http or https URL/,
  ],
  ['a header of the gateway', [['x-purpose', 'authorization']], 'authorization', /not the gateway/],
  ['a header in capitals', [['x-purpose', 'X-Purpose']], 'X-Purpose', /lower case/],
  ['a status outside 2xx', [['201, 204', '404']], '404', /expected at most 299/],
  [
    'a duplicate service',
    [
      [
        'consumers:\n',
        `  - { name: citizen-registry, owner: x, level: core,
      upstream: { targets: [{ url: 'http://x' }] },
      routes: [{ name: r, match: { methods: [GET], path: /r } }] }\nconsumers:\n`,
      ],
    ],
    'name: citizen-registry',
    /name of its own, got "citizen-registry"/,
  ],
  [
    'a duplicate route',
    [['consumers:', '      - { name: move, match: { methods: [GET], path: /m } }\nconsumers:']],
    'name: move, match',
    /name of its own/,
  ],
  [
    'a duplicate consumer',
    [
      ['name: school-board', 'name: tax-bureau'],
      ['consumer: school-board', 'consumer: tax-bureau'],
      [
        'routes: [ citizen-registry/get-citizen, citizen-registry/list-citizens ]',
        'routes: [ citizen-registry/list-citizens ]',
      ],
      ['$.name, $.idNumber, $.phone, $.address.district, ', ''],
    ],
    'name: tax-bureau',
    /name of its own/,
  ],
  [
    'a grant to nobody',
    [['consumer: school-board', 'consumer: nobody']],
    'consumer: nobody',
    /expected a consumer of the policy, got "nobody"/,
  ],
  [
    'a grant of no route',
    [['routes: [ citizen-registry/move ]', 'routes: [ citizen-registry/leave ]']],
    'citizen-registry/leave',
    /expected service\/route/,
  ],
  [
    'two grants for one pair',
    [['consumer: school-board', 'consumer: tax-bureau']],
    'citizen-registry/get-citizen',
    /expected one grant for tax-bureau/,
  ],
  [
    'routes that shadow each other',
    [
      ["path: '/citizens/{id}/moves'", "path: '/citizens'"],
      ['[POST]', '[GET]'],
      ['params: schemas/citizen-id.json, body: schemas/address.json, ', ''],
    ],
    'path:',
    /expected a path of its own, got that of citizen-registry\/list-citizens/,
  ],
  [
    'routes that differ only in a parameter name',
    [
      ["path: '/citizens/{id}/moves'", "path: '/citizens/{other}'"],
      ['[POST]', '[GET]'],
      [
        'params: schemas/citizen-id.json, body: schemas/address.json, ',
        'params: schemas/other.json, ',
      ],
    ],
    'path:',
    /expected a path of its own/,
  ],
  [
    'a path of the gateway',
    [['path: /citizens }', 'path: /exchanges/x }']],
    'path: /exchanges',
    /gateway’s own/,
  ],
  ['a path with dots', [['path: /citizens }', 'path: /a/../b }']], 'path: /a', /dot segment/],
  [
    'a path with a trailing slash',
    [['path: /citizens }', 'path: /citizens/ }']],
    'path: /citizens/',
    /expected a path like/,
  ],
  [
    'a path that is half parameter',
    [['path: /citizens }', "path: '/c-{id}' }"]],
    'path:',
    /path characters/,
  ],
  [
    'a path parameter without schema',
    [['request: { params: schemas/citizen-id.json }\n', 'request: {}\n']],
    'name: get-citizen',
    /request\.params: a schema for id/,
  ],
  [
    'parameters of another name',
    [["'/citizens/{id}'", "'/citizens/{cid}'"]],
    'params:',
    /parameters of the path: cid/,
  ],
  [
    'a GET with a body',
    [['query: schemas/list-query.json', 'body: schemas/address.json']],
    'body:',
    /no body on a route with GET/,
  ],
  [
    'a deadline before the timeout',
    [['deadlineMs: 60000', 'deadlineMs: 5500']],
    'deadlineMs',
    /expected at least timeoutMs/,
  ],
  [
    'a caller who waits less than the service may take',
    [['timeoutMs: 6000\n        deadlineMs: 60000', 'timeoutMs: 4000\n        deadlineMs: 4500']],
    'name: move',
    /at least the service's 5000 ms/,
  ],
  [
    'a mask on an unknown field',
    [['{ field: $.secret,', '{ field: $.secrets,']],
    'field: $.secrets',
    /expected a field of the response schema/,
  ],
  [
    'a mask on a route without schema',
    [
      [
        'statuses: [201, 204] }',
        'statuses: [201, 204], masks: [ { field: $.a, transform: drop } ] }',
      ],
    ],
    'field: $.a',
    /expected a field of the response schema/,
  ],
  [
    'a mask on the whole document',
    [['{ field: $.secret,', '{ field: $,']],
    'field: $,',
    /expected a field such as/,
  ],
  [
    'a malformed mask field',
    [['{ field: $.secret,', '{ field: secret,']],
    'field: secret',
    /expected a field such as/,
  ],
  [
    'a text mask on a number',
    [['field: $.secret, transform: drop', 'field: $.income, transform: email']],
    'field: $.income',
    /expected a field of type string/,
  ],
  [
    'two masks on one field',
    [['{ field: $.secret,', '{ field: $.email,']],
    'field: $.email',
    /no other mask/,
  ],
  [
    'a keep that keeps nothing',
    [
      [
        'first: 3, last: 4 }\n            - { field: $.phone',
        'first: 0, last: 0 }\n            - { field: $.phone',
      ],
    ],
    'field: $.idNumber',
    /expected first or last above 0/,
  ],
  [
    'a grant of an unknown field',
    [['$.idNumber, $.phone', '$.idNumbr, $.phone']],
    '$.idNumbr',
    /response schema, got \$\.idNumbr/,
  ],
  [
    'a malformed grant field',
    [['$.idNumber, $.phone', 'idNumber, $.phone']],
    'idNumber,',
    /expected a field such as/,
  ],
  [
    'a grant field inside another',
    [['$.address.district', '$.address.district, $.address']],
    '$.address,',
    /no other field of the grant covers/,
  ],
  [
    'a grant without field',
    [[grantLine, "fields: [ '$.items[*].name' ]"]],
    'citizen-registry/get-citizen',
    /at least one field for "citizen-registry\/get-citizen"/,
  ],
  [
    'fields of a route that answers without body',
    [
      [
        'routes: [ citizen-registry/move ]',
        'routes: [ citizen-registry/move ]\n    fields: [ $.a ]',
      ],
    ],
    '$.a',
    /expected a field of the response schema/,
  ],
  ['a date that is none', [['2027-06-30', '2027-02-30']], 'until', /expected a date/],
  [
    'a missing schema file',
    [['schemas/list-query.json', 'schemas/none.json']],
    'query:',
    /expected a schema file, got none/,
  ],
  [
    'an alias',
    [
      ['timeoutMs: 5000 }', 'timeoutMs: &a 5000 }'],
      ['timeoutMs: 6000', 'timeoutMs: *a'],
    ],
    '*a',
    /expected no alias/,
  ],
  ['a tag', [['level: important', 'level: !!js/function important']], '!!js', /expected YAML/],
  ['a duplicate key', [['    owner:', '    name: x\n    owner:']], 'name: x', /unique/],
];

const nowMs = Date.parse('2026-03-01T00:00:00Z');

/** What stands in the policy where a fault points to. */
function textAt(source: PolicySource, fault: Fault | undefined): string {
  const line = source.text.split('\n')[(fault?.line ?? 0) - 1] ?? '';
  return line.slice((fault?.column ?? 0) - 1);
}

const other = { type: 'object', properties: { other: { type: 'string' } } };
for (const [name, replace, place, message] of oneFault) {
  test(`refuses ${name}, and points to it`, () => {
    const source = sourceOf(replace, { 'schemas/other.json': other });
    const { faults } = checkPolicy(source, nowMs);
    assert.equal(faults.length, 1, faults.map(formatFault).join('\n'));
    const [fault] = faults;
    assert.match(fault === undefined ? '' : formatFault(fault), message);
    assert.ok(textAt(source, fault).startsWith(place), textAt(source, fault));
  });
}

test('all faults are reported at once, in the order of the files', () => {
  const source = sourceOf(
    [
      ['level: important', 'level: secret'],
      ['transform: surname', 'transform: surnam'],
      ['until: 2027-06-30', 'when: x\n    until: never'],
      ['consumer: school-board', 'consumer: nobody'],
    ],
    {
      'schemas/address.json': {
        type: 'object',
        properties: { a: { type: 'strin' }, b: { type: 'string', format: 'x' } },
      },
    },
  );
  const { faults } = checkPolicy(source);
  assert.deepEqual(
    faults.map(({ file, line, path }) => `${file}:${line} ${path}`),
    [
      'policy.yaml:4 services[0].level',
      'policy.yaml:16 services[0].routes[0].response.masks[2].transform',
      'policy.yaml:42 grants[0].when',
      'policy.yaml:43 grants[0].until',
      'policy.yaml:46 grants[2].consumer',
      'schemas/address.json:5 properties.a.type',
      'schemas/address.json:9 properties.b.format',
    ],
  );
  assert.throws(() => requirePolicy(source), { code: 'POLICY_INVALID' });
});

test('hostile YAML is a fault, never a crash', () => {
  const levels = Array.from({ length: 20 }, (_, i) => `b${i}: &b${i} [*a,*a]`);
  const bomb = ['a: &a [x,x]', ...levels].join('\n');
  for (const text of [
    '',
    '[]',
    'services: 1',
    '\t',
    '{',
    '- 1\n-',
    '%TAG ! x',
    `${'['.repeat(20_000)}`,
    bomb,
    'services: [null, 1, [], {}]\ngrants: x',
    '"__proto__": { services: [] }',
    'x'.repeat(2 ** 21),
  ]) {
    const { policy, faults } = checkPolicy({ file: 'policy.yaml', text, schemas: {} });
    assert.ok(policy !== undefined || faults.length > 0, text.slice(0, 20));
  }
});

test('an empty policy is a policy: nothing is allowed', () => {
  assert.deepEqual(checkPolicy({ file: 'p', text: '', schemas: {} }).policy?.services, []);
});

test('transform null may be written without quotes', () => {
  const policy = policyOf([
    ['field: $.secret, transform: drop', 'field: $.secret, transform: null'],
  ]);
  assert.equal(
    policy.services[0]?.routes[0]?.response.masks.find(({ field }) => field === '$.secret')
      ?.transform,
    'null',
  );
});

test('the schema files that a policy names are found', () => {
  assert.deepEqual(schemaFilesOf(policyText).sort(), Object.keys(schemaDocuments).sort());
  assert.deepEqual(schemaFilesOf('{'), []);
});
