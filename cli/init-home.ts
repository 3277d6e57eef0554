/**
 * Makes the home of a node:
 *
 *   config ▶ PIN ▶ keys in the HSM ▶ CA certificate ▶ certificates of the keys ▶ TLS keys ▶ rename
 *
 * All of it happens in `DIR.tmp`. A failed init leaves no home; keys that it made in a token stay there
 * and are taken up by the next try.
 */
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { applyKeyspec, labelsOf, parseKeyspec } from '@sallyport/hsm/keyspec.ts';
import { openHsm } from '@sallyport/hsm/open.ts';
import { createPinFile } from '@sallyport/hsm/pin.ts';
import { createSoftKeystore } from '@sallyport/hsm/soft/keystore.ts';
import { issueCertificate, newSerial } from '@sallyport/hsm/x509.ts';
import { type NodeConfig, parseConfig } from '@sallyport/shared/config/config.ts';
import { type HomePaths, homeDirs, homePaths } from '@sallyport/shared/config/home.ts';
import { SallyportError } from '@sallyport/shared/errors.ts';
import type { Hsm, KeyName } from '@sallyport/shared/ports.ts';
import { commonName, type ProfileName } from '@sallyport/shared/x509/profiles.ts';
import { configText, type InitialConfig } from './init-config.ts';

export interface MadeHome {
  readonly config: NodeConfig;
  /** DER of the CA certificate. */
  readonly caDer: Buffer;
}

const yearMs = 365 * 24 * 3_600_000;
const caYears = 20;
const leafYears = 5;
/** Certificates start a little in the past: the peer's clock may be behind. */
const backdateMs = 5 * 60_000;
const keyspecFile = new URL('../installer/keyspecs/node.keyspec.json', import.meta.url);

/** Errors: HOME_EXISTS, CONFIG_INVALID, and those of the HSM. */
export async function makeHome(directory: string, initial: InitialConfig): Promise<MadeHome> {
  const dir = resolve(directory);
  const building = `${dir}.tmp`;
  const text = configText(initial);
  const config = parseConfig(text, 'config.yaml');
  requireFree(dir);
  makeBuilding(building);
  try {
    for (const part of homeDirs) mkdirSync(join(building, part), { mode: 0o700 });
    const paths = homePaths(building);
    writeFileSync(paths.config, text, { mode: 0o600 });
    const caDer = await fill(building, paths, config);
    renameSync(building, dir);
    return { config, caDer };
  } catch (thrown) {
    rmSync(building, { recursive: true, force: true });
    throw thrown;
  }
}

/** Returns the CA certificate, DER. */
async function fill(building: string, paths: HomePaths, config: NodeConfig): Promise<Buffer> {
  const keyspecText = readFileSync(keyspecFile, 'utf8');
  writeFileSync(paths.keyspec, keyspecText, { mode: 0o600 });
  const keyspec = parseKeyspec(keyspecText, config.node);
  const hsm = await openKeys(building, paths, config);
  try {
    await applyKeyspec(hsm, keyspec);
    return await certify(hsm, labelsOf(keyspec), paths, config);
  } finally {
    await hsm.close();
  }
}

/** A soft keystore is made with the home; a token exists already, and its PIN file stays where it is. */
async function openKeys(building: string, paths: HomePaths, config: NodeConfig): Promise<Hsm> {
  const { hsm } = config;
  if (hsm.kind === 'pkcs11') return openHsm(hsm);
  const soft = { ...hsm, file: resolve(building, hsm.file), pinFile: paths.pin };
  createPinFile(paths.pin);
  await createSoftKeystore(soft);
  return openHsm(soft);
}

async function certify(
  hsm: Hsm,
  labels: Record<KeyName, string>,
  paths: HomePaths,
  { node, edge }: NodeConfig,
): Promise<Buffer> {
  const caKey = await hsm.publicKey(labels.ca);
  const now = Date.now();
  const issue = (
    profile: ProfileName,
    subjectPublicKey: Buffer,
    altNames: string[] = [],
  ): Promise<Buffer> =>
    issueCertificate({
      profile,
      commonName: commonName(node, profile),
      subjectPublicKey,
      serial: newSerial(),
      notBeforeMs: now - backdateMs,
      notAfterMs: now + (profile === 'ca' ? caYears : leafYears) * yearMs,
      altNames,
      sign: (digest) => hsm.sign(labels.ca, digest),
      ...(profile === 'ca'
        ? {}
        : { issuer: { commonName: commonName(node, 'ca'), publicKey: caKey } }),
    });
  const caDer = await issue('ca', caKey);
  writePem(paths.certificate('ca'), caDer);
  for (const name of ['sign', 'decrypt', 'audit'] as const) {
    writePem(paths.certificate(name), await issue(name, await hsm.publicKey(labels[name])));
  }
  const tls: ['link' | 'edge', string[]][] = [['link', [node]]];
  if (edge.listen)
    tls.push(['edge', [...new Set([node, 'localhost', '127.0.0.1', edge.listen.host])]]);
  for (const [use, altNames] of tls) {
    const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const key = pair.privateKey.export({ format: 'pem', type: 'pkcs8' });
    writeFileSync(paths.tlsKey(use), key, { mode: 0o600 });
    const point = pair.publicKey.export({ format: 'raw-public', type: 'uncompressed' });
    writePem(paths.tlsCertificate(use), await issue(use, point, altNames));
  }
  return caDer;
}

function writePem(file: string, der: Buffer): void {
  writeFileSync(file, new X509Certificate(der).toString(), { mode: 0o600 });
}

/** An empty directory is free; anything else is not touched. */
function requireFree(dir: string): void {
  if (entriesOf(dir).length === 0) return;
  throw new SallyportError('HOME_EXISTS', `expected a new or empty directory, got ${dir}`, {
    hint: 'name another directory with --dir; an existing node is never overwritten',
  });
}

function entriesOf(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw new SallyportError('HOME_EXISTS', `expected a directory at ${dir}`, { cause });
  }
}

function makeBuilding(building: string): void {
  mkdirSync(resolve(building, '..'), { recursive: true });
  try {
    mkdirSync(building, { mode: 0o700 });
  } catch (cause) {
    throw new SallyportError('HOME_EXISTS', `cannot make ${building}`, {
      hint: 'an init that was interrupted may have left it: remove it and try again',
      cause,
    });
  }
}
