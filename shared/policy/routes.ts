/** Which route a path means: a trie of segments in which a literal beats a parameter. */
import { pathSegments } from '../content/path.ts';
import { SallyportError } from '../errors.ts';

export interface RouteTable<R> {
  /** Errors: PATH_REFUSED (not in normal form), ROUTE_UNKNOWN, METHOD_REFUSED. */
  match(method: string, path: string): { route: R; params: Record<string, string> };
  /** Methods that some route takes on this path, sorted. Errors: PATH_REFUSED. */
  allowed(path: string): string[];
}

export interface RouteRow<R> {
  readonly methods: readonly string[];
  readonly path: string;
  readonly route: R;
}

interface TrieNode<R> {
  readonly literals: Map<string, TrieNode<R>>;
  parameter: TrieNode<R> | undefined;
  readonly ends: Map<string, { readonly route: R; readonly names: readonly string[] }>;
}

/**
 * Builds the table. Where two rows claim the same, the first stays; checkPolicy refuses such
 * policies.
 */
export function compileRoutes<R>(rows: readonly RouteRow<R>[]): RouteTable<R> {
  const root = newNode<R>();
  for (const { methods, path, route } of rows) {
    const names: string[] = [];
    let node = root;
    for (const segment of templateSegments(path)) {
      if (segment.parameter) names.push(segment.text);
      node = segment.parameter ? parameterOf(node) : literalOf(node, segment.text);
    }
    for (const method of methods) {
      if (!node.ends.has(method)) node.ends.set(method, { route, names });
    }
  }
  return {
    match: (method, path) => match(root, method, path),
    allowed: (path) => allowed(root, pathSegments(path)),
  };
}

/** The segments of a path template, literals decoded. Errors: PATH_REFUSED. */
export function templateSegments(path: string): { text: string; parameter: boolean }[] {
  if (path === '/') return [];
  const [before, ...parts] = path.split('/');
  if (before !== '' || parts.includes('')) {
    throw new SallyportError(
      'PATH_REFUSED',
      'expected a path like /citizens/{id}, got another form',
    );
  }
  return parts.map((part) => {
    const name = /^\{([A-Za-z][A-Za-z0-9_-]{0,62})\}$/.exec(part)?.[1];
    if (name !== undefined) return { text: name, parameter: true };
    return { text: pathSegments(`/${part}`)[0] ?? '', parameter: false };
  });
}

function match<R>(
  root: TrieNode<R>,
  method: string,
  path: string,
): { route: R; params: Record<string, string> } {
  const segments = pathSegments(path);
  const values: string[] = [];
  const find = (
    node: TrieNode<R>,
    depth: number,
  ): { route: R; params: Record<string, string> } | undefined => {
    const segment = segments[depth];
    if (segment === undefined) {
      const end = node.ends.get(method);
      return end && { route: end.route, params: pair(end.names, values) };
    }
    const literal = node.literals.get(segment);
    const found = literal === undefined ? undefined : find(literal, depth + 1);
    if (found !== undefined || node.parameter === undefined) return found;
    values.push(segment);
    const below = find(node.parameter, depth + 1);
    if (below === undefined) values.pop();
    return below;
  };
  const found = find(root, 0);
  if (found !== undefined) return found;
  const methods = allowed(root, segments);
  if (methods.length === 0) {
    throw new SallyportError('ROUTE_UNKNOWN', 'expected the path of a route, got another');
  }
  throw new SallyportError('METHOD_REFUSED', `expected ${methods.join(' or ')}, got another`);
}

/** Methods of every route that the path fits. */
function allowed<R>(root: TrieNode<R>, segments: readonly string[]): string[] {
  const methods = new Set<string>();
  const walk = (node: TrieNode<R> | undefined, depth: number): void => {
    const segment = segments[depth];
    if (!node) return;
    if (segment === undefined) {
      for (const method of node.ends.keys()) methods.add(method);
      return;
    }
    walk(node.literals.get(segment), depth + 1);
    walk(node.parameter, depth + 1);
  };
  walk(root, 0);
  return [...methods].sort();
}

function pair(names: readonly string[], values: readonly string[]): Record<string, string> {
  const params: Record<string, string> = {};
  names.forEach((name, index) => {
    params[name] = values[index] ?? '';
  });
  return params;
}

function newNode<R>(): TrieNode<R> {
  return { literals: new Map(), parameter: undefined, ends: new Map() };
}

function parameterOf<R>(node: TrieNode<R>): TrieNode<R> {
  node.parameter ??= newNode<R>();
  return node.parameter;
}

function literalOf<R>(node: TrieNode<R>, text: string): TrieNode<R> {
  const known = node.literals.get(text);
  if (known !== undefined) return known;
  const fresh = newNode<R>();
  node.literals.set(text, fresh);
  return fresh;
}
