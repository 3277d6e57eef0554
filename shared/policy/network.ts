/** IP addresses and networks as numbers, so that a condition can ask whether one lies in the other. */

export interface Address {
  readonly bits: 32 | 128;
  readonly value: bigint;
}

export interface Network extends Address {
  /** How many leading bits belong to the network. */
  readonly prefix: number;
}

/** Reads an IPv4 or IPv6 address; undefined where the text is none. A zone (`%eth0`) is left out. */
export function parseAddress(text: string): Address | undefined {
  if (text.length > 64) return undefined;
  if (!text.includes(':')) return parseV4(text);
  return parseV6(text.split('%', 1)[0] ?? '');
}

/** Reads `10.1.0.0/16`, `2001:db8::/32` or one address; undefined where bits beyond the prefix are set. */
export function parseNetwork(text: string): Network | undefined {
  const [address = '', length, ...more] = text.split('/');
  const base = parseAddress(address);
  if (base === undefined || more.length > 0) return undefined;
  if (length === undefined) return { ...base, prefix: base.bits };
  if (!/^(?:0|[1-9]\d{0,2})$/.test(length) || Number(length) > base.bits) return undefined;
  const network = { ...base, prefix: Number(length) };
  const host = BigInt(base.bits - network.prefix);
  return (base.value >> host) << host === base.value ? network : undefined;
}

/** True where the address lies in the network; false between IPv4 and IPv6. */
export function isWithin(address: Address, network: Network): boolean {
  if (address.bits !== network.bits) return false;
  const host = BigInt(network.bits - network.prefix);
  return address.value >> host === network.value >> host;
}

function parseV4(text: string): Address | undefined {
  const parts = text.split('.');
  if (parts.length !== 4) return undefined;
  let value = 0n;
  for (const part of parts) {
    // No leading zero: some read 010 as 8.
    if (!/^(?:0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return undefined;
    value = (value << 8n) | BigInt(part);
  }
  return { bits: 32, value };
}

function parseV6(text: string): Address | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map((half) => (half === '' ? [] : half.split(':')));
  const before = head ?? [];
  const after = tail ?? [];
  const missing = 8 - before.length - after.length;
  if (tail === undefined ? missing !== 0 : missing < 1) return undefined;
  const groups = [...before, ...Array<string>(missing).fill('0'), ...after];
  let value = 0n;
  for (const group of groups) {
    if (!/^[0-9A-Fa-f]{1,4}$/.test(group)) return undefined;
    value = (value << 16n) | BigInt(`0x${group}`);
  }
  return { bits: 128, value };
}

/** What one party has of the internet: an IPv4 address, or the first 64 bits of an IPv6 address. */
export function networkOf(ip: string): string {
  const address = parseAddress(ip);
  if (address === undefined || address.bits === 32) return ip;
  return `${(address.value >> 64n).toString(16)}::/64`;
}
