/** `sallyport policy import` and `refresh`: policies from OpenAPI documents. */
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readPolicyFiles } from '@sallyport/inner-node/policy/read.ts';
import { counted } from '@sallyport/shared/counted.ts';
import { valuesOf } from '@sallyport/shared/detect/samples.ts';
import { SallyportError } from '@sallyport/shared/errors.ts';
import { requirePolicy } from '@sallyport/shared/policy/check.ts';
import { policyFromOpenApi } from '@sallyport/shared/policy/openapi.ts';
import { refreshFromOpenApi } from '@sallyport/shared/policy/openapi-refresh.ts';
import type { Command } from 'commander';
import { readSamples } from './policy-samples.ts';
import { painted } from './policy-source.ts';
import { result, resultJson, tell } from './print.ts';
import { writeOut } from './write-out.ts';

export function registerOpenApi(policy: Command): void {
  policy
    .command('import')
    .description('make a policy of an OpenAPI document, with everything masked; needs no node')
    .argument('<document>', 'OpenAPI 3.0 or 3.1, JSON or YAML')
    .requiredOption('--service <name>', 'how the service is to be called')
    .requiredOption('--upstream <url>', 'where it is')
    .requiredOption('--out <dir>', 'a folder that has no policy yet')
    .option(
      '--sample <file...>',
      'answers of the service, or items of them, by which masks are proposed',
    )
    .action(importPolicy);
  policy
    .command('refresh')
    .description('show what a newer OpenAPI document changes; writes nothing')
    .argument('<path>', 'policy.yaml or its folder')
    .argument('<document>', 'OpenAPI 3.0 or 3.1, JSON or YAML')
    .requiredOption('--service <name>', 'which service of the policy it describes')
    .option('--json', 'as JSON')
    .action(refresh);
}

interface ImportFlags {
  readonly service: string;
  readonly upstream: string;
  readonly out: string;
  readonly sample?: readonly string[];
}

/** Never over a policy that is there. Errors: POLICY_INVALID, USAGE. */
function importPolicy(document: string, { service, upstream, out, sample }: ImportFlags): void {
  if (existsSync(join(out, 'policy.yaml'))) {
    throw new SallyportError('USAGE', `expected no policy in ${out}, got one`, {
      hint: 'compare it with the document: `sallyport policy refresh`',
    });
  }
  const samples = sample === undefined ? undefined : valuesOf(readSamples(sample));
  const made = policyFromOpenApi(readText(document), { service, upstream, samples });
  for (const [name, text] of Object.entries({ ...made.schemas, 'policy.yaml': made.yaml })) {
    const file = join(out, name);
    mkdirSync(dirname(file), { recursive: true });
    writeOut(file, text);
  }
  result(join(out, 'policy.yaml'));
  const { routes, proposed, bySamples } = made;
  const masks = `masks proposed: ${proposed}, by samples ${bySamples}`;
  tell(
    `${counted(routes.length, 'route')}, every value masked; ${masks}`,
    'read it, open what may be seen, then `sallyport policy check`',
  );
}

async function refresh(
  path: string,
  document: string,
  { service, json }: { service: string; json?: boolean },
): Promise<void> {
  const policy = requirePolicy(await readPolicyFiles(path));
  const changes = refreshFromOpenApi(policy, service, readText(document));
  if (json === true) return resultJson(changes);
  for (const change of changes) result(painted(change));
  if (changes.length === 0) tell('the policy says what the document says');
  else
    tell(
      `differences: ${changes.length}; nothing was written`,
      'take over by hand what shall cross',
    );
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new SallyportError('USAGE', `cannot read ${file}`, {
      hint: 'name the OpenAPI document of the service',
      cause,
    });
  }
}
