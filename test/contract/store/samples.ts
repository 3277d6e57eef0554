/** What is put into stores by their tests: packages, exchanges, messages, an answer. */
import { randomBytes } from 'node:crypto';
import { newId } from '@sallyport/shared/ids.ts';
import type {
  InMessage,
  InPackage,
  NewExchange,
  OutPackage,
  StoredAnswer,
} from '@sallyport/shared/store/port.ts';

export const out = 'outer-1/inner-1/import/interactive';
export const back = 'inner-1/outer-1/export/interactive';
export const hex = (): string => randomBytes(32).toString('hex');

/** Stands for the sealed bytes of any package. */
export const sealed = Buffer.from('sealed');

export function outPackage(sequence: number, more: Partial<OutPackage> = {}): OutPackage {
  const packageId = newId();
  const times = { createdAtMs: 1000 + sequence, expiresAtMs: 90_000 };
  const size = { bytes: 4096, messages: 2 };
  return {
    lane: out,
    sequence,
    packageId,
    digest: hex(),
    ...size,
    ...times,
    awaitsReceipt: true,
    ...more,
  };
}

export function inPackage(sequence: number, more: Partial<InPackage> = {}): InPackage {
  const place = { lane: back, sequence, packageId: newId(), digest: hex(), previous: hex() };
  return {
    ...place,
    bytes: 4096,
    messages: 1,
    receivedAtMs: 2000 + sequence,
    finished: false,
    ...more,
  };
}

export function newExchange(sequence: number, more: Partial<NewExchange> = {}): NewExchange {
  const about = {
    consumer: 'tax-bureau',
    flow: 'citizen-registry/get-citizen',
    requestDigest: hex(),
  };
  return {
    id: newId(),
    ...about,
    acceptedAtMs: 1000,
    deadlineMs: 6000,
    lane: out,
    sequence,
    ...more,
  };
}

export function inMessage(sequence: number, more: Partial<InMessage> = {}): InMessage {
  const about = { flow: 'citizen-registry/get-citizen', consumer: 'tax-bureau', deadlineMs: 6000 };
  return {
    id: newId(),
    lane: back,
    sequence,
    ...about,
    state: 'RELEASED',
    receivedAtMs: 2000,
    ...more,
  };
}

export const answer: StoredAnswer = {
  state: 'RESPONDED',
  status: 200,
  headers: { 'cache-control': 'no-store' },
  contentType: 'application/json',
  body: Buffer.from('{"name":"王**"}'),
  answeredAtMs: 3000,
};
