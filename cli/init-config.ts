/** The config.yaml that `init` writes: for people to read and change. */
import type { Role } from '@sallyport/shared/ports.ts';
import { stringify } from 'yaml';

export interface Address {
  readonly host: string;
  readonly port: number;
}

export type ChannelEnd =
  | ({ readonly kind: 'link' } & Address)
  | { readonly kind: 'directory'; readonly dir: string; readonly convention?: string };

export interface InitialConfig {
  readonly role: Role;
  readonly node: string;
  /** Where an outer node takes calls; undefined on an inner node. */
  readonly edge: (Address & { readonly tls: boolean }) | undefined;
  readonly management: Address;
  readonly send: ChannelEnd;
  readonly receive: ChannelEnd;
  readonly hsm: Readonly<Record<string, string>>;
}

/** YAML with the comments that a newcomer needs. It is parsed and checked before it is kept. */
export function configText(config: InitialConfig): string {
  const { role, node, edge, management, send, receive, hsm } = config;
  const [out, back] = role === 'outer' ? ['import', 'export'] : ['export', 'import'];
  const edgeText = edge
    ? `
# Where consumers call. tls: true serves tls/edge.key and tls/edge.pem; put your own there if you like.
edge:
  listen: ${flow({ host: edge.host, port: edge.port })}
  tls: ${edge.tls}
`
    : `
# CAs (PEM) of upstreams whose certificates are not of a public CA.
# upstreams: { ca: tls/upstreams.pem }
`;
  return `# Sallyport node. docs/spec/config.md explains every line; unknown keys are refused.
role: ${role}
node: ${flow(node)}
${edgeText}
# Health and metrics only (GET /healthz, /readyz, /metrics).
management: ${flow({ ...management })}

# send is the ${out} channel, receive the ${back} channel; each is one-way. Kinds: link, directory.
channel:
  send: ${flow({ ...send })}
  receive: ${flow({ ...receive })}

# Where the keys are. The PIN stands in a file of its own, mode 0600.
hsm: ${flow(hsm)}

# How long a package that this node seals stays acceptable. Default: 2 hours on a link,
# 30 days in a directory.
# package: { expiresMs: 7200000 }

log: { level: info }
`;
}

/** One line in YAML's flow style; the library knows what needs quotes. */
function flow(value: unknown): string {
  return stringify(value, { collectionStyle: 'flow', lineWidth: 0 }).trim();
}
