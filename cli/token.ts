/** `sallyport token`: what an operator with the right may do with tokens that a recipient holds. */
import type { Command } from 'commander';
import { actor } from './actor.ts';
import { control } from './control.ts';
import { ofInner } from './inner-home.ts';
import { result, resultJson } from './print.ts';

interface Flags {
  readonly dir: string;
  readonly consumer: string;
  readonly route: string;
  readonly field: string;
  readonly json?: boolean;
}

export function register(program: Command): void {
  const token = program.command('token').description('tokens that masks made of values');
  ofInner(token.command('reverse'))
    .argument('<token>', 'as the consumer got it')
    .description('show the value of a token; needs a right of the policy, and is recorded')
    .requiredOption('--consumer <name>', 'who got the token')
    .requiredOption('--route <service/route>', 'where it came from')
    .requiredOption('--field <field>', "field of the answer, such as '$.idNumber'")
    .option('--json', 'as JSON')
    .action(reverse);
}

/** Errors: RIGHT_MISSING, TOKEN_UNKNOWN, and those of the node. */
async function reverse(token: string, flags: Flags): Promise<void> {
  const { dir, consumer, route: flow, field, json } = flags;
  const order = { actor: actor(), consumer, flow, field, token };
  const value = (await control(dir, 'token-reverse', order)).body.toString();
  if (json === true) resultJson({ value });
  else result(value);
}
