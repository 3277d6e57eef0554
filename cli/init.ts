import { resolve } from 'node:path';
import { SallyportError } from '@sallyport/shared/errors.ts';
import { fingerprintOf } from '@sallyport/shared/pairing/fingerprint.ts';
import type { Role } from '@sallyport/shared/ports.ts';
import { type Command, Option } from 'commander';
import type { Address, ChannelEnd, InitialConfig } from './init-config.ts';
import { makeHome } from './init-home.ts';
import { fingerprintText } from './pair.ts';
import { result, tell } from './print.ts';

interface InitOptions {
  readonly role: Role;
  readonly dir: string;
  readonly node?: string;
  readonly hsm: 'soft' | 'pkcs11';
  readonly module?: string;
  readonly token?: string;
  readonly pinFile?: string;
  readonly edge?: string;
  readonly tls: boolean;
  readonly management?: string;
  readonly send?: string;
  readonly receive?: string;
}

/** Two nodes on one machine find each other with these. */
const defaults = {
  edge: '127.0.0.1:8443',
  outer: {
    management: '127.0.0.1:9600',
    send: 'link:127.0.0.1:9701',
    receive: 'link:127.0.0.1:9702',
  },
  inner: {
    management: '127.0.0.1:9610',
    send: 'link:127.0.0.1:9702',
    receive: 'link:127.0.0.1:9701',
  },
} as const;

export function register(program: Command): void {
  program
    .command('init')
    .description('make the home of a new node: config, keys, certificates')
    .addOption(
      new Option('--role <role>', 'which side of the boundary')
        .choices(['outer', 'inner'])
        .makeOptionMandatory(),
    )
    .requiredOption('--dir <dir>', 'directory to make')
    .option('--node <id>', 'node id (default: outer-1 or inner-1)')
    .addOption(new Option('--hsm <kind>', 'key store').choices(['soft', 'pkcs11']).default('soft'))
    .option('--module <file>', 'pkcs11: shared library of the HSM')
    .option('--token <label>', 'pkcs11: label of the token')
    .option('--pin-file <file>', 'pkcs11: file with the PIN (mode 0600), or credential:NAME')
    .option('--edge <host:port>', 'outer: where consumers call (default: 127.0.0.1:8443)')
    .option('--no-tls', 'outer: take calls without TLS, on a loopback address only')
    .option(
      '--management <host:port>',
      'health and metrics (default: 127.0.0.1:9600, inner: 127.0.0.1:9610)',
    )
    .option(
      '--send <channel>',
      'link:HOST:PORT of the peer, or directory:DIR (default: a link on this machine)',
    )
    .option(
      '--receive <channel>',
      'link:HOST:PORT to listen on, or directory:DIR[:CONVENTION] (default: likewise)',
    )
    .action(async (options: InitOptions) => {
      const made = await makeHome(options.dir, initialConfig(options));
      if (made.config.hsm.kind === 'soft') {
        tell('keys are in a soft keystore, which is no HSM: as safe as this machine', hsmHint);
      }
      tell(`made ${made.config.role} node ${made.config.node}; its fingerprint is:`);
      result(fingerprintText(fingerprintOf(made.caDer)));
      tell('next:', `sallyport pair export --dir ${options.dir} --out ${made.config.node}.trust`);
    });
}

const hsmHint = 'for production give --hsm pkcs11 with --module, --token and --pin-file';

function initialConfig(options: InitOptions): InitialConfig {
  const { role } = options;
  if (role === 'inner' && options.edge !== undefined) {
    throw usage('an inner node takes no calls', 'leave --edge out');
  }
  const end = defaults[role];
  const edge = parseAddress('--edge', options.edge ?? defaults.edge);
  return {
    role,
    node: options.node ?? `${role}-1`,
    edge: role === 'outer' ? { ...edge, tls: options.tls } : undefined,
    management: parseAddress('--management', options.management ?? end.management),
    send: parseChannel('--send', options.send ?? end.send),
    receive: parseChannel('--receive', options.receive ?? end.receive),
    hsm: hsmOf(options),
  };
}

function hsmOf({ hsm, module, token, pinFile }: InitOptions): InitialConfig['hsm'] {
  if (hsm === 'soft') {
    if (module ?? token ?? pinFile)
      throw usage('--module, --token and --pin-file need --hsm pkcs11');
    return { kind: 'soft', file: 'keys/soft.keystore', pinFile: 'keys/pin' };
  }
  if (module === undefined || token === undefined || pinFile === undefined) {
    throw usage('--hsm pkcs11 needs --module, --token and --pin-file');
  }
  const pin = pinFile.startsWith('credential:') ? pinFile : resolve(pinFile);
  return { kind: 'pkcs11', module: resolve(module), tokenLabel: token, pinFile: pin };
}

/** `host:port`; an IPv6 address stands in brackets. */
function parseAddress(option: string, text: string): Address {
  const match = /^(?:\[([0-9A-Fa-f:]+)\]|([^:\s]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  if (!match || host === undefined) throw usage(`${option}: expected HOST:PORT, got ${text}`);
  return { host, port: Number(match[3]) };
}

function parseChannel(option: string, text: string): ChannelEnd {
  const [kind, rest] = text.split(/:(.*)/s, 2);
  if (kind === 'link' && rest) return { kind, ...parseAddress(option, rest) };
  if (kind !== 'directory' || !rest) {
    throw usage(`${option}: expected link:HOST:PORT or directory:DIR, got ${text}`);
  }
  const [dir = '', convention] = rest.split(':', 2);
  return { kind, dir: resolve(dir), ...(convention === undefined ? {} : { convention }) };
}

function usage(message: string, hint?: string): SallyportError {
  return new SallyportError('USAGE', message, hint === undefined ? {} : { hint });
}
