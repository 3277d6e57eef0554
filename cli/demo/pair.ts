/** Two nodes on this machine, made and run with the same commands that an operator types. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { homePaths } from '@sallyport/shared/config/home.ts';
import { isErrorCode, SallyportError } from '@sallyport/shared/errors.ts';
import { ownFingerprint } from '@sallyport/shared/pairing/peer.ts';
import { control } from '../control.ts';
import { freePorts } from './free-ports.ts';
import { findSoftHsm, makeTokens } from './softhsm.ts';

export type DemoChannel = 'link' | 'directory' | 'mixed';
/** `auto` takes SoftHSM 2 where it is installed, the soft keystore elsewhere. */
export type DemoHsm = 'auto' | 'softhsm' | 'soft';

export interface PairOptions {
  readonly dir: string;
  readonly channel: DemoChannel;
  readonly hsm: DemoHsm;
  /** Changes the config.yaml that `init` wrote, of both nodes. */
  readonly configure?: (text: string) => string;
  /** Told each command before it runs. */
  readonly say: (command: string) => void;
}

export interface DemoPair {
  readonly outer: string;
  readonly inner: string;
  readonly hsm: 'softhsm' | 'soft';
  /** Where consumers call. */
  readonly url: string;
  /** File with the certificate that a consumer trusts. */
  readonly caFile: string;
  readonly managementUrls: readonly [outer: string, inner: string];
  /** Runs one verb of the command line; returns what it printed to stdout. */
  sallyport(...args: string[]): Promise<string>;
  stop(): Promise<void>;
}

const cli = join(import.meta.dirname, '..', 'main.ts');
const roles = ['outer', 'inner'] as const;

/** Errors: HSM_MODULE where SoftHSM was asked for and is missing, INTERNAL with what a verb said. */
export async function startPair(options: PairOptions): Promise<DemoPair> {
  const { dir, channel, say } = options;
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const home = { outer: join(dir, 'outer'), inner: join(dir, 'inner') };
  const [edge, outerAdmin, innerAdmin, toInner, toOuter] = await freePorts(5);
  const ferry = (name: string): string => join(dir, 'ferry', name);
  const carried = (by: 'link' | 'directory', port: number | undefined, name: string): string =>
    by === 'link' ? `link:127.0.0.1:${port}` : `directory:${ferry(name)}`;
  const imports = carried(channel === 'directory' ? 'directory' : 'link', toInner, 'import');
  const exports = carried(channel === 'link' ? 'link' : 'directory', toOuter, 'export');
  for (const name of ['import', 'export']) mkdirSync(ferry(name), { recursive: true });

  const module = options.hsm === 'soft' ? undefined : await findSoftHsm();
  if (options.hsm === 'softhsm' && module === undefined) {
    throw new SallyportError('HSM_MODULE', 'SoftHSM 2 is not installed', {
      hint: 'apt-get install softhsm2, then npm ci again so that pkcs11js is built',
    });
  }
  const tokens = module ? await makeTokens(dir, module, ['outer', 'inner']) : [];
  const keys = (index: number): string[] => {
    const token = tokens[index];
    if (!token) return ['--hsm', 'soft'];
    const { label, pinFile } = token;
    return ['--hsm', 'pkcs11', '--module', token.module, '--token', label, '--pin-file', pinFile];
  };
  const sallyport = (...args: string[]): Promise<string> => {
    say(`sallyport ${args.map((arg) => arg.replace(`${dir}/`, '')).join(' ')}`);
    return runVerb(args);
  };

  await sallyport(
    ...['init', '--role', 'outer', '--dir', home.outer, '--edge', `127.0.0.1:${edge}`],
    ...['--management', `127.0.0.1:${outerAdmin}`, '--send', imports, '--receive', exports],
    ...keys(0),
  );
  await sallyport(
    ...['init', '--role', 'inner', '--dir', home.inner],
    ...['--management', `127.0.0.1:${innerAdmin}`, '--send', exports, '--receive', imports],
    ...keys(1),
  );
  for (const role of roles) {
    const { config } = homePaths(home[role]);
    const text = readFileSync(config, 'utf8');
    writeFileSync(config, options.configure?.(text) ?? text);
  }
  for (const [one, other] of [
    ['outer', 'inner'],
    ['inner', 'outer'],
  ] as const) {
    const trust = join(dir, `${one}.trust`);
    await sallyport('pair', 'export', '--dir', home[one], '--out', trust);
    const fingerprint = ownFingerprint(homePaths(home[one]));
    await sallyport('pair', 'import', trust, '--dir', home[other], '--fingerprint', fingerprint);
  }
  const running = roles.map((role) => {
    say(`sallyport run --dir ${role} &`);
    return startNode(home[role]);
  });
  // However this process ends, its nodes do not outlive it.
  process.once('exit', () => running.forEach((node) => void node.kill('SIGTERM')));
  const stop = async (): Promise<void> => {
    await Promise.all(running.map(stopNode));
  };
  try {
    await Promise.all(roles.map((role, at) => untilAnswering(home[role], running[at])));
  } catch (thrown) {
    await stop();
    throw thrown;
  }
  return {
    ...home,
    hsm: module ? 'softhsm' : 'soft',
    url: `https://127.0.0.1:${edge}`,
    caFile: join(home.outer, 'certs', 'ca.pem'),
    managementUrls: [`http://127.0.0.1:${outerAdmin}`, `http://127.0.0.1:${innerAdmin}`],
    sallyport,
    stop,
  };
}

function startNode(dir: string): ChildProcess {
  const args = [cli, 'run', '--dir', dir];
  return spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
}

function stopNode(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve();
    child.once('exit', () => resolve());
    child.kill('SIGTERM');
  });
}

/** Waits until the node's guard answers; fails when the node ended instead. */
async function untilAnswering(dir: string, child: ChildProcess | undefined): Promise<void> {
  for (let tries = 0; tries < startTriesMax; tries += 1) {
    if (child?.exitCode !== null || child.signalCode !== null) break;
    const answers = await control(dir, 'policy-history').catch(() => undefined);
    if (answers) return;
    await new Promise((resolve) => setTimeout(resolve, startPollMs));
  }
  throw new SallyportError('NOT_READY', `the node in ${dir} did not start`, {
    hint: `look at ${join(dir, 'log')}`,
  });
}

const startPollMs = 50;
const startTriesMax = 2_400;

/** One verb as a process of its own: what the demo shows is what an operator gets. */
function runVerb(args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [cli, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    let out = '';
    let talk = '';
    child.stdout.on('data', (chunk) => (out += chunk));
    child.stderr.on('data', (chunk) => (talk += chunk));
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) return resolve(out);
      reject(refusalOf(args.slice(0, 2).join(' '), talk));
    });
  });
}

/** What a verb said when it failed, as the error that it was. */
function refusalOf(verb: string, talk: string): SallyportError {
  const [, message = talk.trim(), code] = /^sallyport: (.*) \[([A-Z_]+)\]$/m.exec(talk) ?? [];
  const hint = /^hint: (.*)$/m.exec(talk)?.[1];
  return new SallyportError(isErrorCode(code) ? code : 'INTERNAL', `${verb}: ${message}`, {
    ...(hint !== undefined && { hint }),
  });
}
