/**
 * The inside of a plug-in's realm: what is left of its world, and the one door through which texts go in and
 * answers come out. This text runs in that realm, not here: nothing of the worker's own realm may get in but
 * `host`, which never leaves this closure, takes texts and gives texts.
 */

/** Evaluates to `(host) => (plugin) => door`, where a door takes and gives JSON texts. */
export const realmText = `(() => {
  'use strict';
  const keep = new Set(${JSON.stringify(
    `Object Function Array Number parseFloat parseInt Infinity NaN undefined Boolean String Symbol Date
    Promise RegExp Error AggregateError EvalError RangeError ReferenceError SyntaxError TypeError URIError
    globalThis JSON Math Intl Map BigInt Set Iterator WeakMap WeakSet Proxy Reflect Temporal isFinite isNaN
    decodeURI decodeURIComponent encodeURI encodeURIComponent`.split(/\s+/),
  )});
  for (const name of Reflect.ownKeys(globalThis)) {
    if (!keep.has(name)) Reflect.deleteProperty(globalThis, name);
  }
  const { parse, stringify } = JSON;
  const { isFinite } = Number;
  const { isWellFormed } = String.prototype;
  const { apply } = Reflect;

  /** What JSON would write as null, or not at all, is no answer. */
  const told = (made) => {
    const isText = typeof made === 'string' && apply(isWellFormed, made, []);
    const isPlain = isText || typeof made === 'boolean' || made === null;
    if (isPlain || (typeof made === 'number' && isFinite(made))) return made;
    return Array.isArray(made) ? made : { not: 'an answer' };
  };
  const frozen = (value) => {
    if (typeof value !== 'object' || value === null) return value;
    for (const part of Object.values(value)) frozen(part);
    return Object.freeze(value);
  };

  return (host) => {
    const ask = (name, one, other) => {
      let given;
      try {
        given = host(name, \`\${one}\`, \`\${other}\`);
      } catch {}
      if (typeof given !== 'string') throw new TypeError(name + ' refused');
      return given;
    };
    const toolsOf = (secrets) => Object.freeze({
      sha256: (text) => ask('sha256', text, ''),
      hmacSha256: (secret, text) =>
        secrets === undefined
          ? ask('hmac', secret, text)
          : ask('hmac-given', Object.hasOwn(secrets, secret) ? secrets[secret] : 'none', text),
      same: (one, other) => ask('same', one, other) === 'yes',
    });
    const tools = toolsOf(undefined);

    return (plugin) => {
      /** One question to the plug-in. */
      const answer = (kind, item, options, means) => {
        switch (kind) {
          case 'transform': {
            const made = plugin.transform(item, options);
            const known = made === '***' || plugin.isMasked(made, options) === true;
            return known ? told(made) : { not: 'its own' };
          }
          case 'masked':
            return plugin.isMasked(item, options);
          case 'detector':
            return plugin.detect(item[0], item[1], options);
          case 'condition':
            return plugin.holds(item, options);
          case 'check':
            return plugin.check(item, options);
          case 'authenticator':
            return plugin.authenticate(item, options, means);
        }
      };
      const itemOf = {
        transform: (one) => one.value,
        detector: (one) => [one.text, one.field ?? ''],
        condition: (one) => one.facts,
        check: (one) => one.document,
        authenticator: (one) => one.call,
      };
      const rehearse = (one, index) => {
        try {
          const options = frozen(parse(stringify(one.options ?? {})));
          const item = itemOf[plugin.kind](parse(stringify(one)));
          const made = told(answer(plugin.kind, item, options, toolsOf(one.secrets ?? {})));
          const [wanted, got] = [stringify(one.gives), stringify(made)];
          return wanted === got ? [] : [\`example \${index + 1}: expected \${wanted}, got \${got}\`];
        } catch (thrown) {
          return [\`example \${index + 1}: threw \${thrown}\`];
        }
      };
      const functions = {
        transform: ['transform', 'isMasked'],
        detector: ['detect'],
        condition: ['holds'],
        check: ['check'],
        authenticator: ['authenticate'],
      };
      return (text) => {
        const { verb, kind, options, items } = parse(text);
        if (verb === 'ask') {
          const given = frozen(options);
          return stringify({ gives: items.map((item) => told(answer(kind, item, given, tools))) });
        }
        const known = Object.hasOwn(functions, plugin?.kind) ? functions[plugin.kind] : undefined;
        const missing = known?.filter((name) => typeof plugin[name] !== 'function') ?? [];
        const { name, version, options: schema, examples } = plugin ?? {};
        const sound = known !== undefined && missing.length === 0 && Array.isArray(examples);
        return stringify({
          kind: plugin?.kind, name, version, schema, missing,
          examples: Array.isArray(examples) ? examples.length : 0,
          faults: sound ? examples.flatMap(rehearse) : [],
        });
      };
    };
  };
})()`;
