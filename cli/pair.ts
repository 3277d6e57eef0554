import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { labelsOf, parseKeyspec } from '@sallyport/hsm/keyspec.ts';
import { openHsm } from '@sallyport/hsm/open.ts';
import type { Home } from '@sallyport/shared/config/home.ts';
import { readHome } from '@sallyport/shared/config/read-home.ts';
import { SallyportError } from '@sallyport/shared/errors.ts';
import { fingerprintWords } from '@sallyport/shared/pairing/fingerprint.ts';
import {
  checkConfirmation,
  judgeCandidate,
  ownFingerprint,
  readPeer,
  storePeer,
} from '@sallyport/shared/pairing/peer.ts';
import {
  type CheckedTrustFile,
  ownTrust,
  writeTrustFile,
} from '@sallyport/shared/pairing/trust-file.ts';
import type { Command } from 'commander';
import { paint, result, resultJson, tell } from './print.ts';
import { writeOut } from './write-out.ts';

interface ImportOptions {
  readonly dir: string;
  readonly fingerprint?: string;
  readonly replace?: boolean;
}

export function register(program: Command): void {
  const pair = program.command('pair').description('make two nodes know each other');
  pair
    .command('export')
    .description("write this node's trust file, for the other node to import")
    .requiredOption('--dir <dir>', 'home of the node')
    .option('--out <file>', 'file to write (default: NODE.trust)')
    .action(exportTrust);
  pair
    .command('import')
    .argument('<file>', 'trust file of the other node')
    .description('check a trust file, have its fingerprint confirmed, and make it the peer')
    .requiredOption('--dir <dir>', 'home of the node')
    .option('--fingerprint <words|hex>', 'what the other node shows; without it you are asked')
    .option('--replace', 'take it although another peer is paired')
    .action(importTrust);
  pair
    .command('show')
    .description("show this node's fingerprint, and the peer's")
    .requiredOption('--dir <dir>', 'home of the node')
    .option('--json', 'as JSON')
    .action(show);
}

async function exportTrust({ dir, out }: { dir: string; out?: string }): Promise<void> {
  const home = readHome(dir);
  const { paths } = home;
  const { node } = home.config;
  const labels = labelsOf(parseKeyspec(readFileSync(paths.keyspec, 'utf8'), node));
  const trust = ownTrust(home, Date.now());
  const hsm = await openHsm(hsmOf(home));
  try {
    const file = await writeTrustFile(trust, (digest) => hsm.sign(labels.ca, digest));
    const target = out ?? `${node}.trust`;
    writeOut(target, file, { over: true });
    tell(`wrote ${target}; carry it to the other node, and read these words to its operator:`);
    result(fingerprintText(ownFingerprint(paths)));
  } finally {
    await hsm.close();
  }
}

async function importTrust(path: string, options: ImportOptions): Promise<void> {
  const home = readHome(options.dir);
  const file = readTrust(path);
  const { trust, known } = judgeCandidate(home.paths, home.config, file, options.replace === true);
  if (options.fingerprint !== undefined) checkConfirmation(trust, options.fingerprint);
  else if (!known) await ask(trust);
  storePeer(home.paths, file);
  tell(
    `${home.config.node} is paired with ${trust.node}`,
    'a running node learns it at its next start',
  );
}

/** Only a person at a terminal can say yes. */
async function ask(trust: CheckedTrustFile): Promise<void> {
  const refuse = (): SallyportError =>
    new SallyportError('PEER_UNCONFIRMED', `the fingerprint of ${trust.node} was not confirmed`, {
      hint: 'compare it with `sallyport pair show` on the other node; scripts give --fingerprint',
    });
  if (!process.stdin.isTTY) throw refuse();
  tell(`${trust.role} node ${trust.node} says that its fingerprint is:`);
  process.stderr.write(`${fingerprintText(trust.fingerprint)}\n`);
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const said = await terminal.question('Does the other operator see the same words? (yes/no) ');
    if (said.trim().toLowerCase() !== 'yes') throw refuse();
  } finally {
    terminal.close();
  }
}

/** Without a peer too: the other operator needs this node's words before there is one. */
function show({ dir, json }: { dir: string; json?: boolean }): void {
  const { paths, config } = readHome(dir);
  const own = ownFingerprint(paths);
  const peer = existsSync(paths.peer) ? readPeer(paths, config) : undefined;
  if (json === true) {
    const self = { node: config.node, role: config.role, fingerprint: own };
    const other = peer && { node: peer.nodeId, role: peer.role, fingerprint: peer.fingerprint };
    resultJson({ self, peer: other ?? null });
    return;
  }
  result(`${paint('bold', config.node)} (this node)\n${fingerprintText(own)}`);
  if (peer) result(`${paint('bold', peer.nodeId)} (peer)\n${fingerprintText(peer.fingerprint)}`);
  else tell('no peer yet', "import the other node's trust file with `sallyport pair import`");
}

/** The words in rows of six, as one reads them out; then the same in Chinese, then in hex. */
export function fingerprintText(fingerprint: string): string {
  const { english, chinese } = fingerprintWords(fingerprint);
  const rows = [0, 6, 12, 18].map((at) =>
    english
      .slice(at, at + 6)
      .map((word) => word.padEnd(9))
      .join('')
      .trimEnd(),
  );
  const groups = [0, 6, 12, 18].map((at) => chinese.slice(at, at + 6).join(''));
  return [...rows, groups.join(' '), fingerprint].map((line) => `  ${line}`).join('\n');
}

function readTrust(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new SallyportError('TRUST_FILE_INVALID', `cannot read ${path}`, {
      hint: 'name the file that `sallyport pair export` wrote on the other node',
      cause,
    });
  }
}

/** Paths in the config count from the home. */
function hsmOf({ dir, config: { hsm } }: Home): Home['config']['hsm'] {
  const pinFile = hsm.pinFile.startsWith('credential:') ? hsm.pinFile : resolve(dir, hsm.pinFile);
  if (hsm.kind === 'soft') return { ...hsm, file: resolve(dir, hsm.file), pinFile };
  return { ...hsm, module: resolve(dir, hsm.module), pinFile };
}
