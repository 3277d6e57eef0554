/** The guard's numbers for /metrics: gauges read from its status at the moment of asking. */
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';

const registry = new Registry();
collectDefaultMetrics({ register: registry });

const gauges: Readonly<Record<string, { path: readonly string[]; gauge: Gauge }>> = {
  outbox: at('sallyport_guard_outbox_messages', 'messages that wait to be sealed', 'queues.outbox'),
  inbound: at(
    'sallyport_guard_inbound_packages',
    'packages that wait to be opened',
    'queues.inbound',
  ),
  waiting: at(
    'sallyport_guard_exchanges_waiting',
    'calls that wait for an answer',
    'queues.waiting',
  ),
  serving: at(
    'sallyport_guard_requests_serving',
    'requests that are not answered yet',
    'queues.serving',
  ),
  waitingForTurn: at(
    'sallyport_guard_requests_waiting',
    'requests that wait for their turn at a service',
    'queues.waitingForTurn',
  ),
  unexamined: at(
    'sallyport_guard_bodies_unexamined',
    'bodies whose files wait to be examined',
    'queues.unexamined',
  ),
  policy: at('sallyport_guard_policy_version', 'version of the policy in force', 'policy.version'),
  peerPolicy: at(
    'sallyport_guard_peer_policy_version',
    'version of the policy that the peer obeys, as its youngest package says',
    'policy.peerVersion',
  ),
  head: at('sallyport_guard_lane_out_head', 'last sequence sent', 'lanes.out.0.head'),
  inFlight: at(
    'sallyport_guard_lane_out_in_flight',
    'packages without receipt',
    'lanes.out.0.inFlight',
  ),
  contiguous: at('sallyport_guard_lane_in_contiguous', 'all came up to', 'lanes.in.0.contiguous'),
  audit: at('sallyport_guard_audit_blocks', 'blocks in the audit chain', 'audit.sequence'),
  disk: at(
    'sallyport_guard_disk_free_bytes',
    'room on the volume of the node that has the least',
    'disk.freeBytes',
  ),
};

export function metricsOf(status: Readonly<Record<string, unknown>>): Promise<unknown> {
  for (const { path, gauge } of Object.values(gauges)) {
    const value = path.reduce<unknown>((part, key) => (part as never)?.[key], status);
    if (typeof value === 'number') gauge.set(value);
  }
  return registry.getMetricsAsJSON();
}

function at(name: string, help: string, path: string) {
  return { path: path.split('.'), gauge: new Gauge({ name, help, registers: [registry] }) };
}
