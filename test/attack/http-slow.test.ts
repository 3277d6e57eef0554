/**
 * slowhttptest, a tool that others wrote to bring servers down, against the edge, while another caller is
 * served all the time. SALLYPORT_SLOW_SECONDS makes each attack longer than its few seconds here.
 */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { okReply, pause, startRig, tls } from '../edge/rig.ts';

const seconds = Number(process.env.SALLYPORT_SLOW_SECONDS ?? 3);
const skip = spawnSync('slowhttptest', ['-h']).error ? 'needs slowhttptest' : false;
const connections = 250;
const perNetwork = 200;
const callPauseMs = 20;
const servedMin = 3;
/** Larger than what a socket swallows (net.ipv4.tcp_wmem). */
const large = 'x'.repeat(6 * 1024 * 1024);
/** Patience of a second, so that a few seconds of attack meet it several times. */
const limits = {
  edgeConnectionsPerNetworkMax: perNetwork,
  edgeHeadersTimeoutMs: 1_000,
  edgeRequestTimeoutMs: 1_000,
  edgeTimeoutsCheckMs: 100,
  edgeAnswerBytesPerSecondMin: 1024 * 1024 * 1024,
};
const requests = 'sallyport_edge_requests_total';
const closed = 'sallyport_edge_connections_refused_total';

const attacks: [what: string, args: readonly string[], metric: string, label: string][] = [
  ['headers that never end', ['-H', '-i', '1', '-x', '24'], requests, '4xx REQUEST_TIMEOUT'],
  ['bodies that never end', ['-B', '-i', '1', '-s', '8192'], requests, '4xx REQUEST_TIMEOUT'],
  ['ranges that overlap', ['-R', '-a', '1', '-b', '1000'], requests, '2xx none'],
  [
    'answers read a few bytes at a time',
    ['-X', '-w', '64', '-y', '128', '-n', '1', '-z', '16', '-k', '1', '-c', '6'],
    closed,
    'unread',
  ],
];

for (const [what, args, metric, label] of attacks) {
  test(`${what}: another caller is served all the time`, { skip }, async (t) => {
    const rig = await startRig(t, {
      limits,
      onCall: (head) => okReply(head.path === '/slow' ? large : '{"ok":true}'),
    });
    const url = `https://127.0.0.1:${rig.port}/${args[0] === '-X' ? 'slow' : 'a'}`;
    const call = { path: '/other', localAddress: '127.0.0.2', agent: false, ca: tls.cert } as const;
    /** Attacks for so long; returns how many calls of another were served meanwhile. */
    const attack = async (lastingS: number): Promise<number> => {
      const common = ['-c', `${connections}`, '-r', '250', '-l', `${lastingS}`, '-u', url];
      const attacker = spawn('slowhttptest', [...common, '-p', '60', ...args], { stdio: 'ignore' });
      t.after(() => attacker.kill('SIGKILL'));
      const over = once(attacker, 'exit');
      let served = 0;
      while (attacker.exitCode === null && attacker.signalCode === null) {
        const answer = await rig.send(call);
        assert.equal(answer.status, 200, answer.text);
        served += 1;
        // Each call is a new connection: faster than its own pace allows, it would be refused.
        await pause(callPauseMs);
      }
      await over;
      return served;
    };
    let lastingS = seconds;
    // Where the machine itself hardly serves anybody, the attack goes on for longer.
    while ((await attack(lastingS)) < servedMin) {
      lastingS *= 2;
      assert.ok(lastingS <= 8 * seconds, `served fewer than ${servedMin} in ${lastingS / 2} s`);
    }
    assert.ok(
      ((await rig.counts(metric))[label] ?? 0) > 0,
      JSON.stringify(await rig.counts(metric)),
    );
    const told = await rig.counts('sallyport_edge_connections');
    assert.ok((told[''] ?? 0) <= perNetwork + 1, `${told['']}`);
  });
}
