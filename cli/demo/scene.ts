/** What stands behind the inner node in a demo, who may call it, and which calls are made. */
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { startRegistry } from '@sallyport/examples/citizen-registry/server.ts';
import { SallyportError } from '@sallyport/shared/errors.ts';
import { policyFromOpenApi, type StartingPolicy } from '@sallyport/shared/policy/openapi.ts';
import type { DemoCall } from './call.ts';
import type { DemoPair } from './pair.ts';

export interface Scene {
  readonly calls: readonly DemoCall[];
  /** Consumer → its API key. */
  readonly keys: Readonly<Record<string, string>>;
  /** One record as its source has it, and the path under which consumers read it. */
  readonly source?: unknown;
  readonly sourcePath?: string;
  close(): Promise<void>;
}

/** The citizen registry, its policy, and three consumers who may see different fields. */
export async function sampleApi(dir: string, pair: DemoPair): Promise<Scene> {
  const registry = await startRegistry({ count: 5000, seed: 1 });
  const sample = join(import.meta.dirname, '../../examples/citizen-registry/policy');
  const policyDir = join(dir, 'policy');
  cpSync(sample, policyDir, { recursive: true });
  const file = join(policyDir, 'policy.yaml');
  const text = readFileSync(file, 'utf8');
  writeFileSync(file, text.replaceAll('http://127.0.0.1:9100', registry.url));

  const citizen = '/citizens/c-000123';
  const source = (await (await fetch(`${registry.url}${citizen}`)).json()) as {
    address: { district: string };
  };
  const district = encodeURIComponent(source.address.district);
  const address = { province: '示例省', city: '示例市', district: '示例区', street: '示例路 1 号' };
  const keys = await enrol(pair, ['tax-bureau', 'health-office', 'school-board'], file);
  const reads = { route: 'citizen-registry/get-citizen', method: 'GET', path: citizen };
  return {
    keys,
    source,
    sourcePath: citizen,
    calls: [
      { consumer: 'tax-bureau', ...reads },
      { consumer: 'health-office', ...reads },
      {
        consumer: 'school-board',
        route: 'citizen-registry/list-citizens',
        method: 'GET',
        path: `/citizens?district=${district}&page=1&size=2`,
      },
      {
        consumer: 'tax-bureau',
        route: 'citizen-registry/change-address',
        method: 'POST',
        path: `${citizen}/address-changes`,
        body: address,
      },
      { consumer: 'school-board', ...reads },
    ],
    close: () => registry.close(),
  };
}

/**
 * A policy for any JSON API, from its OpenAPI document, with everything masked. Errors: USAGE where
 * the document cannot be read, POLICY_INVALID.
 */
export function readOwnApi(upstream: string, openapi: string): StartingPolicy {
  let document: string;
  try {
    document = readFileSync(openapi, 'utf8');
  } catch (cause) {
    throw new SallyportError('USAGE', `cannot read ${openapi}`, {
      hint: 'name a file with --openapi; an npm script counts paths from the folder of package.json',
      cause,
    });
  }
  return policyFromOpenApi(document, { service: 'own-api', upstream });
}

/** The API that `made` describes; its policy is printed. */
export async function ownApi(
  dir: string,
  pair: DemoPair,
  made: StartingPolicy,
  say: (text: string) => void,
): Promise<Scene> {
  const file = join(dir, 'policy', 'policy.yaml');
  for (const [name, text] of Object.entries({ 'policy.yaml': made.yaml, ...made.schemas })) {
    const path = join(dir, 'policy', name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
  say(`\n${made.yaml}`);
  const [consumer] = made.consumers;
  if (consumer === undefined) {
    throw new SallyportError('POLICY_INVALID', 'expected a consumer in the starting policy');
  }
  const keys = await enrol(pair, [consumer], file);
  return { keys, calls: plainReads(made.routes, consumer), close: async () => {} };
}

/** The reads that need no parameter: those can be tried without knowing the API. */
function plainReads(
  routes: readonly { flow: string; method: string; path: string }[],
  consumer: string,
): DemoCall[] {
  return routes
    .filter(({ method, path }) => method === 'GET' && !path.includes('{'))
    .slice(0, plainReadsMax)
    .map(({ flow, method, path }) => ({ consumer, route: flow, method, path }));
}

const plainReadsMax = 3;

/** Issues a key for each consumer, applies the policy and waits until the outer node obeys it. */
async function enrol(
  pair: DemoPair,
  consumers: readonly string[],
  policyFile: string,
): Promise<Record<string, string>> {
  const keys: Record<string, string> = {};
  for (const consumer of consumers) {
    const shown = await pair.sallyport('consumer', 'key', 'issue', consumer, '--dir', pair.inner);
    keys[consumer] = shown.trim();
  }
  await pair.sallyport('policy', 'apply', policyFile, '--dir', pair.inner);
  await untilReady(pair.managementUrls[0]);
  return keys;
}

/** The outer node is ready when the bundle has crossed. */
async function untilReady(managementUrl: string): Promise<void> {
  for (let tries = 0; tries < readyTriesMax; tries += 1) {
    const response = await fetch(`${managementUrl}/readyz`).catch(() => undefined);
    if (response?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, readyPollMs));
  }
  throw new SallyportError('NOT_READY', 'the policy did not reach the outer node', {
    hint: 'look at `sallyport status` of both nodes',
  });
}

const readyTriesMax = 600;
const readyPollMs = 50;
