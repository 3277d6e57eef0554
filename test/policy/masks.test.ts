/** What a policy says about masks, recipients, the second net and rights: checked, normal, in the bundle. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { decodePolicy, encodePolicy, outerEdition } from '@sallyport/shared/policy/bundle.ts';
import { checkPolicy } from '@sallyport/shared/policy/check.ts';
import { compilePolicy, grantKey } from '@sallyport/shared/policy/compile.ts';
import { diffPolicy, formatChange } from '@sallyport/shared/policy/diff.ts';
import { policyOf, sourceOf } from './fixture.ts';

const { x, y } = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({
  format: 'jwk',
});
const key = `encryptionKey: { kty: EC, crv: P-256, x: ${x}, y: ${y} }`;
type Swaps = [string, string][];
const idNumber = '{ field: $.idNumber, transform: keep, first: 3, last: 4 }';
const consumer = '- name: tax-bureau\n    credentials: [ { type: key } ]';
const rights =
  '\nrights: [ { actor: wang, may: reverse-tokens, consumers: [ tax-bureau ], until: 2027-06-30 } ]\n';
const withRights: Swaps = [['consumers:\n', `${rights.trimStart()}consumers:\n`]];
const detect = (text: string): Swaps => [
  ['schema: schemas/citizen.json', `schema: schemas/citizen.json\n          detect: ${text}`],
];
const mask = (text: string): Swaps => [[idNumber, `{ field: $.idNumber, ${text} }`]];

const sound: [string, Swaps][] = [
  ['a hash', mask('transform: hash')],
  ['a random token', mask('transform: token')],
  ['a token by FF1', mask('transform: token, as: digits')],
  ['an address', mask('transform: address, level: city')],
  ['a date', mask('transform: date, to: month')],
  ['a plate', mask('transform: plate')],
  ['a bucket of a text', mask('transform: bucket, edges: [1, 2.5, 10]')],
  ['a pattern', mask("transform: regex, pattern: '(\\d{3})\\d+', replace: '$1***'")],
  ['another hiding character', mask("transform: keep, first: 3, char: '#'")],
  [
    'encryption',
    [
      ...mask('transform: encrypt'),
      [consumer, `${consumer}\n    ${key}`],
      [
        '- name: school-board\n    credentials: [ { type: key } ]',
        `- name: school-board\n    credentials: [ { type: key } ]\n    ${key}`,
      ],
    ],
  ],
  [
    'rounding',
    [[idNumber, `${idNumber}\n            - { field: $.income, transform: round, to: 100 }`]],
  ],
  [
    'noise',
    [[idNumber, `${idNumber}\n            - { field: $.income, transform: noise, within: 50 }`]],
  ],
  ['a net', detect("{ hit: block, open: [ $.email, $.address ], bankCards: ['621234'] }")],
  ['rights', withRights],
];

for (const [name, swaps] of sound) {
  test(`${name} is understood, has one form, and comes through the bundle`, () => {
    const policy = policyOf(swaps);
    assert.deepEqual(decodePolicy(encodePolicy(policy)), JSON.parse(JSON.stringify(policy)));
    assert.deepEqual(diffPolicy(policy, decodePolicy(encodePolicy(policy))), []);
    assert.ok(diffPolicy(policyOf(), policy).length > 0, 'a reviewer sees it');
  });
}

const wrong: [string, Swaps, RegExp][] = [
  ['edges that do not ascend', mask('transform: bucket, edges: [2, 1]'), /ascending/],
  ['no edges', mask('transform: bucket, edges: []'), /at least 1/],
  ['rounding a text', mask('transform: round, to: 10'), /type number/],
  ['noise on a text', mask('transform: noise, within: 1'), /type number/],
  ['a pattern that is none', mask("transform: regex, pattern: '(', replace: ''"), /RE2/],
  ['a pattern with look-around', mask("transform: regex, pattern: '(?!a)b', replace: ''"), /RE2/],
  [
    'a group that is not there',
    mask("transform: regex, pattern: 'a', replace: '$1'"),
    /\$0 to \$0/,
  ],
  ['a key of another transform', mask('transform: hash, first: 3'), /unknown key/],
  ['encryption to nobody', mask('transform: encrypt'), /encryptionKey of tax-bureau/],
  [
    'a key off the curve',
    [[consumer, `${consumer}\n    ${key.replace(String(x), String(y))}`]],
    /P-256/,
  ],
  ['a net for an unknown field', detect('{ open: [ $.nothing ] }'), /field of the response schema/],
  ['a net that does neither', detect('{ hit: ignore }'), /mask or block/],
  ['a card number that is none', detect("{ bankCards: ['62ab'] }"), /3 to 8 digits/],
  [
    'a right for nobody',
    [['consumers:\n', `${rights.trimStart().replace('tax-bureau', 'nobody')}consumers:\n`]],
    /consumer of the policy/,
  ],
  [
    'a right that ends never',
    [['consumers:\n', `${rights.trimStart().replace('2027-06-30', 'soon')}consumers:\n`]],
    /date such as/,
  ],
];

for (const [name, swaps, said] of wrong) {
  test(`refuses ${name}`, () => {
    const { faults } = checkPolicy(sourceOf(swaps));
    assert.ok(faults.length > 0);
    assert.match(faults.map(({ message }) => message).join('\n'), said);
  });
}

test('FF1 on a field that cannot be long enough is a fault that names its reason', () => {
  const { faults } = checkPolicy(
    sourceOf(mask('transform: token, as: digits'), {
      'schemas/citizen.json': {
        type: 'object',
        properties: Object.fromEntries(
          ['id', 'name', 'idNumber', 'phone', 'email', 'income', 'secret'].map((name) => [
            name,
            { type: 'string', maxLength: 5 },
          ]),
        ),
      },
    }),
  );
  assert.match(
    faults.map(({ message }) => message).join('\n'),
    /FF1 refuses domains under one million/,
  );
});

test('rights stay inside, and a change of them is shown', () => {
  const policy = policyOf(withRights);
  assert.equal('rights' in outerEdition(policy), false);
  const lines = diffPolicy(policyOf(), policy).map(formatChange);
  assert.deepEqual(lines, ['+ rights/wang/reverse-tokens/tax-bureau']);
});

test('one operator may have both rights for a consumer, each once', () => {
  const both = (second: string): Swaps => [
    [
      'consumers:\n',
      `rights:\n${['reverse-tokens', second]
        .map((may) => `  - { actor: wang, may: ${may}, consumers: [ tax-bureau ] }\n`)
        .join('')}consumers:\n`,
    ],
  ];
  const lines = diffPolicy(policyOf(), policyOf(both('mask-files'))).map(formatChange);
  assert.deepEqual(lines, [
    '+ rights/wang/mask-files/tax-bureau',
    '+ rights/wang/reverse-tokens/tax-bureau',
  ]);
  const { faults } = checkPolicy(sourceOf(both('reverse-tokens')));
  assert.match(
    faults.map(({ message }) => message).join(),
    /reverse-tokens of wang for tax-bureau once/,
  );
});

test('card numbers of the owner reach the net of each consumer', () => {
  const own = policyOf([
    ...detect("{ bankCards: ['888888'] }"),
    ['$.name, $.idNumber', '$.id, $.name, $.idNumber'],
  ]);
  const bodyOf = (policy: typeof own): string => {
    const { plans } = compilePolicy(policy).grants.get(
      grantKey('tax-bureau', 'citizen-registry/get-citizen'),
    ) ?? { plans: [] };
    const document = Buffer.from('{"id":"8888880000000005","name":"张三"}');
    return String(plans[0]?.release?.(document, 1e6).body);
  };
  const unknown = policyOf([['$.name, $.idNumber', '$.id, $.name, $.idNumber']]);
  assert.match(bodyOf(unknown), /8888880000000005/);
  assert.match(bodyOf(own), /"id":"\*\*\*"/);
});
