/** docs/operating/cli.md names every verb and option that --help names, and no other. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';

const root = join(import.meta.dirname, '../..');
const page = readFileSync(join(root, 'docs/operating/cli.md'), 'utf8');

async function help(verb: readonly string[]): Promise<string> {
  const command = [join(root, 'cli/main.ts'), ...verb, '--help'];
  const { stdout } = await promisify(execFile)(process.execPath, command);
  return stdout;
}

/** Names at the beginning of the lines of one part of a help text, such as `Commands:`. */
function namesOf(text: string, part: string): string[] {
  const [, lines = ''] = text.split(`\n${part}:\n`);
  return (lines.split('\n\n')[0] ?? '').split('\n').flatMap((line) => {
    const [, name] = /^ {2}(\S.*?)(?: {2,}|$)/.exec(line) ?? [];
    return name === undefined ? [] : [name];
  });
}

interface Verb {
  readonly usage: string;
  readonly options: readonly string[];
}

/** Every verb that does something, found by asking for help. */
async function verbsBelow(verb: readonly string[]): Promise<Verb[]> {
  const text = await help(verb);
  const commands = namesOf(text, 'Commands').map((name) => name.split(' ')[0] ?? '');
  if (commands.length === 0) {
    const [usage = ''] = /(?<=^Usage: ).*$/m.exec(text) ?? [];
    const names = namesOf(text, 'Options').filter((name) => name !== '-h, --help');
    const options = names.map((name) => (isRequired(text, name) ? `${name}, required` : name));
    return [{ usage: usage.replace('[options]', '').replaceAll(/ +/g, ' ').trim(), options }];
  }
  const deeper = commands.filter((name) => name !== 'help');
  return (await Promise.all(deeper.map((name) => verbsBelow([...verb, name])))).flat();
}

/** Up to the next option, however its lines are broken. */
function isRequired(text: string, name: string): boolean {
  const [, after = ''] = text.split(`\n  ${name} `);
  return (after.split(/\n {2}\S/)[0] ?? '').includes('(required)');
}

function verbsOfPage(): Verb[] {
  const [, ...parts] = page.split(/^### /m);
  return parts.map((part) => {
    const rows = part.matchAll(/^\| `(-[^`]*)` \|.*?(; required)? \|$/gm);
    return {
      usage: part.slice(0, part.indexOf('\n')).replaceAll('`', ''),
      options: [...rows].map(
        ([, option = '', required]) =>
          option.replaceAll('\\|', '|') + (required ? ', required' : ''),
      ),
    };
  });
}

const byUsage = (verbs: readonly Verb[]): Record<string, readonly string[]> =>
  Object.fromEntries(verbs.map(({ usage, options }) => [usage, options.toSorted()]));

test('the page has every verb and every option of the command line', async () => {
  const verbs = await verbsBelow([]);
  assert.ok(verbs.length > 15, 'help was read');
  assert.deepEqual(byUsage(verbsOfPage()), byUsage(verbs));
});

test('the exit codes of the page are those of the command line', async () => {
  const [, codes = ''] = /Exit codes: (.*)/.exec(await help([])) ?? [];
  assert.ok(page.includes(codes), codes);
});
