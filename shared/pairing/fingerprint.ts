/**
 * A fingerprint that two people can compare over the telephone: all 256 bits of SHA-256 over the CA
 * certificate, as 24 words of BIP 39 (the last holds a checksum, so that a slip is noticed).
 */
import { hash } from 'node:crypto';
import { entropyToMnemonic, mnemonicToEntropy } from '@scure/bip39';
import { wordlist as english } from '@scure/bip39/wordlists/english.js';
import { wordlist as chinese } from '@scure/bip39/wordlists/simplified-chinese.js';

/** Hex, 64 digits, of a DER certificate. */
export function fingerprintOf(certificate: Uint8Array): string {
  return hash('sha256', certificate, 'hex');
}

/** The 24 words of a fingerprint in two languages. */
export function fingerprintWords(fingerprint: string): { english: string[]; chinese: string[] } {
  const bytes = new Uint8Array(Buffer.from(fingerprint, 'hex'));
  return {
    english: entropyToMnemonic(bytes, english).split(' '),
    chinese: entropyToMnemonic(bytes, chinese).split(' '),
  };
}

/**
 * Reads what a person gave: 64 hex digits (colons and spaces allowed) or the 24 words of either
 * language (any white space or hyphens; Chinese needs none). Undefined where it is neither.
 */
export function parseFingerprint(given: string): string | undefined {
  const text = given.normalize('NFKD').trim().toLowerCase();
  const hex = text.replace(/[\s:]/g, '');
  if (/^[0-9a-f]{64}$/.test(hex)) return hex;
  const words = text.split(/[\s-]+/).join(' ');
  const characters = [...text.replace(/[\s-]/g, '')].join(' ');
  return fromWords(words, english) ?? fromWords(characters, chinese);
}

function fromWords(words: string, wordlist: string[]): string | undefined {
  try {
    const bytes = mnemonicToEntropy(words, wordlist);
    return bytes.length === 32 ? Buffer.from(bytes).toString('hex') : undefined;
  } catch {
    return undefined;
  }
}
