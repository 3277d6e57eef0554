/**
 * A guard in small, to be killed: each turn it accepts a few exchanges, answers earlier ones, drains the
 * audit log, and prints what was promised as soon as it was. Arguments: the store's file.
 */
import { writeSync } from 'node:fs';
import { createAuditLog } from '@sallyport/shared/audit/log.ts';
import { newId } from '@sallyport/shared/ids.ts';
import { openStore } from '@sallyport/shared/store/sqlite/open.ts';
import { answer, newExchange, outPackage, sealed } from '../contract/store/samples.ts';

const store = openStore(process.argv[2] ?? '');
const log = createAuditLog({ head: () => store.auditHead(), now: Date.now });
const say = (line: string): unknown => writeSync(1, `${line}\n`);
let sequence = store.outLanes()[0]?.head ?? 0;
let waiting: string[] = [];
say('ready');

for (;;) {
  sequence += 1;
  const place = outPackage(sequence);
  const fresh = Array.from({ length: 3 }, () => newExchange(sequence, { id: newId() }));
  const answered = waiting;
  waiting = fresh.map(({ id }) => id);
  const accepted = store.write((tx) => {
    tx.appendOutbound(place, sealed);
    for (const one of fresh) {
      tx.acceptExchange(one);
      log.append({ event: 'accept', atMs: Date.now(), exchangeId: one.id });
    }
    log.drain(tx);
  });
  const released = answered.map((id) =>
    store
      .write((tx) => {
        tx.recordAnswer(id, answer);
        log.append({ event: 'release', atMs: Date.now(), exchangeId: id });
        log.drain(tx);
      })
      .then(() => say(`answered ${id}`)),
  );
  await accepted;
  for (const { id } of fresh) say(`accepted ${id}`);
  await Promise.all(released);
}
