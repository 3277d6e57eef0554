/**
 * `sallyport package`: look at a package file, and verify it, without a running node and without a
 * key.
 */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { readHome } from '@sallyport/shared/config/read-home.ts';
import { counted } from '@sallyport/shared/counted.ts';
import { SallyportError } from '@sallyport/shared/errors.ts';
import { fileSource } from '@sallyport/shared/package/adapter/file.ts';
import {
  acceptIssuedBy,
  type Inspection,
  inspectPackage,
  verifyPackage,
} from '@sallyport/shared/package/inspect.ts';
import type { ByteSource } from '@sallyport/shared/package/source.ts';
import { readPeer } from '@sallyport/shared/pairing/peer.ts';
import { certificateDer } from '@sallyport/shared/pairing/trust-file.ts';
import { laneKey } from '@sallyport/shared/ports.ts';
import type { Command } from 'commander';
import { paint, result, resultJson, tell } from './print.ts';

interface VerifyOptions {
  readonly ca?: string;
  readonly home?: string;
  readonly json?: boolean;
}

export function register(program: Command): void {
  const group = program.command('package').description('look at transfer packages (*.stp)');
  group
    .command('inspect')
    .argument('<file>', 'package')
    .description('show what a package says of itself; verifies nothing')
    .option('--json', 'as JSON')
    .action(inspect);
  group
    .command('verify')
    .argument('<file>', 'package')
    .description('verify signature, sender, keys and segments; needs no key')
    .option('--ca <file>', "CA certificate of the sender's node (PEM, one or more)")
    .option('--home <dir>', 'home of a node: accepts that node and its confirmed peer')
    .option('--json', 'as JSON')
    .action(verify);
}

async function inspect(file: string, { json }: { json?: boolean }): Promise<void> {
  const inspection = await reading(file, inspectPackage);
  if (json === true) return resultJson({ verified: false, ...inspection });
  result(describe(inspection));
  tell('nothing of this was verified', 'sallyport package verify FILE --ca CA.pem');
}

async function verify(file: string, options: VerifyOptions): Promise<void> {
  const accept = acceptor(options);
  const inspection = await reading(file, async (source) => {
    await verifyPackage(source, accept);
    return inspectPackage(source);
  });
  if (options.json === true) return resultJson({ verified: true, ...inspection });
  result(describe(inspection));
  tell('verified: sender, signature, manifest, keys.p7m, every segment');
  tell('not verified: receiver, lane, sequence, freshness, and the content, which needs the key');
}

/** Which certificates to take, and for which node. */
function acceptor({ ca, home }: VerifyOptions): (certificate: Buffer) => string {
  if ((ca === undefined) === (home === undefined)) {
    throw new SallyportError('USAGE', 'expected either --ca or --home', {
      hint: 'a package says itself who sent it; only you can say whom to believe',
    });
  }
  if (ca !== undefined) {
    const anchors = readAnchors(ca);
    return (certificate) => acceptIssuedBy(anchors, certificate);
  }
  const { paths, config } = readHome(home ?? '');
  const peer = readPeer(paths, config);
  const own = certificateDer(paths.certificate('sign'));
  return (certificate) => {
    if (certificate.equals(own)) return config.node;
    if (certificate.equals(peer.signDer)) return peer.nodeId;
    throw new SallyportError('PACKAGE_SENDER', `expected ${config.node} or ${peer.nodeId}`, {
      hint: 'the package was signed by neither of the two',
    });
  };
}

function readAnchors(file: string): X509Certificate[] {
  try {
    const blocks = readFileSync(file, 'latin1').match(certificateBlock) ?? [];
    if (blocks.length === 0) throw new Error('no certificate in the file');
    return blocks.map((block) => new X509Certificate(block));
  } catch (cause) {
    throw new SallyportError('USAGE', `expected PEM certificates in ${file}`, { cause });
  }
}

const certificateBlock = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

async function reading<T>(file: string, work: (source: ByteSource) => Promise<T>): Promise<T> {
  const handle = await open(file, 'r').catch((cause: unknown) => {
    throw new SallyportError('USAGE', `cannot read ${file}`, { cause });
  });
  try {
    if (!(await handle.stat()).isFile()) throw new SallyportError('USAGE', `${file} is no file`);
    return await work(await fileSource(handle));
  } finally {
    await handle.close();
  }
}

const entriesShown = 8;

function describe({ manifest, signer, recipients, entries, bytes, digest }: Inspection): string {
  const time = (ms: number): string => new Date(ms).toISOString();
  const rows: [string, string][] = [
    ['package', `${manifest.packageId} (${manifest.suite}, ${counted(bytes, 'byte')})`],
    ['digest', digest],
    ['lane', laneKey(manifest.lane)],
    ['sequence', `${manifest.sequence} after ${manifest.previous}`],
    ['created', time(manifest.createdAtMs)],
    ['expires', time(manifest.expiresAtMs)],
    ['policy', `version ${manifest.policyVersion}`],
    ['messages', `${manifest.messageCount}, root ${manifest.messageRoot}`],
    [
      'content',
      `${counted(manifest.contentBytes, 'byte')} in ${counted(manifest.segmentCount, 'segment')}`,
    ],
    ['signer', `${signer.subject}, issued by ${signer.issuer}`],
    ['', `serial ${signer.serialNumber}, valid ${signer.validFrom} to ${signer.validTo}`],
    ...recipients.map((one): [string, string] => [
      'recipient',
      `${manifest.lane.receiver}, key ${one.keyId}, serial ${one.serialNumber}`,
    ]),
    ...entries
      .slice(0, entriesShown)
      .map((one): [string, string] => ['entry', `${one.name} ${counted(one.bytes, 'byte')}`]),
  ];
  const more = entries.length - entriesShown;
  if (more > 0) rows.push(['', `… and ${counted(more, 'entry', 'entries')} more`]);
  return rows.map(([name, value]) => `${paint('bold', name.padEnd(10))} ${value}`).join('\n');
}
