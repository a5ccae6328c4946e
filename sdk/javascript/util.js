// Node's `util`: values as texts, and functions with callbacks as promises. What is logged is JSON where it can be, so that a log can be
// searched.

import { CryptoKey, KeyObject } from './crypto.js';
import { assert } from './events.js';

const plain = (_, value) => {
  if (typeof value === 'bigint') return `${value}n`;
  if (value instanceof Map) return Object.fromEntries(value);
  if (value instanceof Set) return [...value];
  if (value instanceof Error) return `${value.name}: ${value.message}`;
  return value;
};

/** JSON in which an object that holds itself says so. */
function json(value, indent) {
  const above = [];
  return JSON.stringify(value, function (key, one) {
    while (above.length > 0 && above.at(-1) !== this) above.pop();
    const shown = plain(key, one);
    if (typeof shown !== 'object' || shown === null) return shown;
    if (above.includes(shown)) return '[Circular]';
    above.push(shown);
    return shown;
  }, indent);
}

/** With what it carries, and what caused it. */
function shownError(error) {
  const own = Object.entries(error).filter(([name]) => !['name', 'message', 'stack'].includes(name));
  const carried = own.length > 0 ? ` ${json(Object.fromEntries(own)) ?? ''}` : '';
  const cause = error.cause === undefined ? '' : `\n  cause: ${shown(error.cause)}`;
  return `${typeof error.stack === 'string' ? error.stack.trimEnd() : String(error)}${carried}${cause}`;
}

export function shown(value) {
  if (typeof value === 'string') return value;
  if (value instanceof Error) return shownError(value);
  if (typeof value === 'function') return `[Function: ${value.name || '(anonymous)'}]`;
  if (typeof value !== 'object' || value === null) return String(value);
  try {
    return json(value) ?? String(value);
  } catch {
    return String(value);
  }
}

/** `%s`, `%d`, `%j` and the rest, as `console.log` and `util.format` have them. */
export function format(first, ...rest) {
  if (typeof first !== 'string') return [first, ...rest].map(shown).join(' ');
  const filled = first.replace(/%([sdifjoOc%])/g, (whole, kind) => {
    if (kind === '%') return '%';
    if (rest.length === 0) return whole;
    const value = rest.shift();
    if (kind === 'c') return '';
    return 'dif'.includes(kind) ? String(kind === 'i' ? parseInt(value) : Number(value)) : shown(value);
  });
  return [filled, ...rest.map(shown)].join(' ');
}

const CUSTOM = Symbol.for('nodejs.util.promisify.custom');

function promisify(call) {
  if (call[CUSTOM]) return call[CUSTOM];
  return function (...values) {
    return new Promise((resolve, reject) => call.call(this, ...values, (error, value) => (error ? reject(error) : resolve(value))));
  };
}
promisify.custom = CUSTOM;

/** Timers have their callback first. */
export function promisedTimers(globals) {
  globals.setTimeout[CUSTOM] = (ms, value) => new Promise((resolve) => globals.setTimeout(resolve, ms, value));
  globals.setImmediate[CUSTOM] = (value) => new Promise((resolve) => globals.setImmediate(resolve, value));
}

/** As browsers and Node have it: dates, maps, sets, bytes and what holds itself stay what they are. */
export function structuredClone(value, seen = new Map()) {
  if (typeof value === 'function' || typeof value === 'symbol') throw Object.assign(new Error(`${String(value)} could not be cloned.`), { name: 'DataCloneError', code: 25 });
  if (typeof value !== 'object' || value === null) return value;
  if (seen.has(value)) return seen.get(value);
  const known = (made) => {
    seen.set(value, made);
    return made;
  };
  const inner = (one) => structuredClone(one, seen);
  if (value instanceof Date) return known(new Date(value.getTime()));
  if (value instanceof RegExp) return known(new RegExp(value.source, value.flags));
  if (value instanceof ArrayBuffer) return known(value.slice(0));
  if (ArrayBuffer.isView(value)) return known(new Uint8Array(value));
  if (value instanceof Map) {
    const made = known(new Map());
    for (const [key, one] of value) made.set(inner(key), inner(one));
    return made;
  }
  if (value instanceof Set) {
    const made = known(new Set());
    for (const one of value) made.add(inner(one));
    return made;
  }
  const made = known(Array.isArray(value) ? [] : value instanceof Error ? new value.constructor(value.message) : {});
  for (const key of Object.keys(value)) made[key] = inner(value[key]);
  return made;
}

function isAlike(one, other) {
  try {
    assert.deepStrictEqual(one, other);
    return true;
  } catch {
    return false;
  }
}

export const util = {
  format,
  inspect: Object.assign((value) => shown(value), { custom: Symbol.for('nodejs.util.inspect.custom'), defaultOptions: {}, colors: {}, styles: {} }),
  debuglog: () => Object.assign(() => {}, { enabled: false }),
  debug: () => Object.assign(() => {}, { enabled: false }),
  stripVTControlCharacters: (value) => value.replace(/\u001b\[[0-9;]*[A-Za-z]/g, ''),
  toUSVString: (value) => String(value).toWellFormed(),
  styleText: (_, value) => value,
  promisify,
  callbackify: (call) => (...values) => {
    const back = values.pop();
    call(...values).then((value) => back(null, value), back);
  },
  inherits(one, other) {
    Object.defineProperty(one, 'super_', { value: other, writable: true, configurable: true });
    Object.setPrototypeOf(one.prototype, other.prototype);
  },
  deprecate: (call) => call,
  isDeepStrictEqual: isAlike,
  isArray: Array.isArray,
  isString: (value) => typeof value === 'string',
  isFunction: (value) => typeof value === 'function',
  isObject: (value) => typeof value === 'object' && value !== null,
  types: {
    isDate: (value) => value instanceof Date, isPromise: (value) => typeof value?.then === 'function',
    isRegExp: (value) => value instanceof RegExp, isUint8Array: (value) => value instanceof Uint8Array,
    isMap: (value) => value instanceof Map, isSet: (value) => value instanceof Set, isNativeError: (value) => value instanceof Error,
    isTypedArray: (value) => ArrayBuffer.isView(value) && !(value instanceof DataView), isArrayBufferView: (value) => ArrayBuffer.isView(value),
    isAnyArrayBuffer: (value) => value instanceof ArrayBuffer, isArrayBuffer: (value) => value instanceof ArrayBuffer, isProxy: () => false,
    isAsyncFunction: (value) => value?.constructor?.name === 'AsyncFunction', isGeneratorFunction: (value) => value?.constructor?.name === 'GeneratorFunction',
    isBoxedPrimitive: (value) => value instanceof Number || value instanceof String || value instanceof Boolean, isExternal: () => false,
    isKeyObject: (value) => value instanceof KeyObject, isCryptoKey: (value) => value instanceof CryptoKey,
  },
};
