/** docs/operating/first-hour.md: every command is run, in order, and prints what the page shows. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { test } from 'node:test';
import { freePorts } from '@sallyport/cli/demo/free-ports.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { until } from '../until.ts';
import { type Fence, fencesOf } from './fences.ts';
import { looselyEqual } from './loose.ts';
import { openTerminal, type Terminal } from './terminal.ts';

const root = join(import.meta.dirname, '../..');
const page = join(root, 'docs/operating/first-hour.md');
/** The ports that the page uses. They may be taken here, so others stand for them. */
const ports = [8443, 9100, 9600, 9610, 9701, 9702];
const home = temporaryFolder();

/** Patience for a machine that is busy with other tests. */
const settleMs = 60_000;

test('the first hour works as it is written', async (t) => {
  if (spawnSync('script', ['--version']).status !== 0) return t.skip('needs script(1)');
  const free = await freePorts(ports.length);
  const translate = (text: string): string =>
    text.replaceAll(/\b\d{4}\b/g, (port) => String(free[ports.indexOf(Number(port))] ?? port));
  const env = { HOME: home, PATH: `${dirname(process.execPath)}${delimiter}${process.env.PATH}` };
  const terminals: Record<string, Terminal> = {
    outside: await openTerminal(root, env),
    inside: await openTerminal(root, env),
  };
  t.after(async () => {
    for (const terminal of Object.values(terminals)) {
      await terminal.type('kill $(jobs -p); wait').catch(() => {});
      await terminal.close();
    }
  });

  const fences = fencesOf(readFileSync(page, 'utf8'));
  const moved = new Set<string>();
  for (const [at, fence] of fences.entries()) {
    if (fence.language !== 'sh') continue;
    const next = fences[at + 1];
    const shown = next && next.language !== 'sh' ? next : undefined;
    for (const name of fence.note === 'both' ? Object.keys(terminals) : [fence.note]) {
      const terminal = terminals[name];
      assert.ok(terminal, `line ${fence.line}: no terminal is called ${name}`);
      await run(
        terminal,
        translate(fence.text),
        shown && { ...shown, text: translate(shown.text) },
      );
    }
    for (const role of ['outer', 'inner']) moveToFreePorts(role, moved, translate);
  }
});

/** Types one block and waits until the terminal shows what the page does. */
async function run(terminal: Terminal, commands: string, shown: Fence | undefined): Promise<void> {
  terminal.clear();
  const [, asks, answer] = /^(.*\(yes\/no\)) (yes)$/m.exec(shown?.text ?? '') ?? [];
  await terminal.type(commands, asks && answer ? { asks, answer } : undefined);
  if (!shown) return;
  const holds = (): boolean =>
    shown.language === 'json'
      ? sameJson(terminal.printed, shown.text)
      : looselyEqual(terminal.printed, shown.text);
  await until(holds, settleMs).catch(() => {
    assert.equal(terminal.printed, shown.text, `line ${shown.line} shows something else`);
  });
}

function sameJson(printed: string, shown: string): boolean {
  try {
    assert.deepEqual(JSON.parse(printed), JSON.parse(shown));
    return true;
  } catch {
    return false;
  }
}

/** `init` writes the ports of the page into config.yaml; a node that was just made gets free ones. */
function moveToFreePorts(
  role: string,
  moved: Set<string>,
  translate: (text: string) => string,
): void {
  const config = join(home, 'first-hour', role, 'config.yaml');
  if (moved.has(role) || !existsSync(config)) return;
  moved.add(role);
  writeFileSync(config, translate(readFileSync(config, 'utf8')));
}
