// Node's `events`, `assert` and `timers/promises`, and what browsers have to call things off.

export class EventEmitter {
  #calls = new Map();
  on(name, call) {
    this.#calls.set(name, [...(this.#calls.get(name) ?? []), call]);
    return this;
  }
  once(name, call) {
    const once = (...values) => {
      this.off(name, once);
      call.apply(this, values);
    };
    once.listener = call;
    return this.on(name, once);
  }
  off(name, call) {
    const [calls, at] = [this.listeners(name), this.listeners(name).findLastIndex((one) => one === call || one.listener === call)];
    if (at >= 0) this.#calls.set(name, calls.toSpliced(at, 1));
    return this;
  }
  emit(name, ...values) {
    const calls = this.listeners(name);
    if (calls.length === 0 && name === 'error') throw values[0] instanceof Error ? values[0] : new Error(`Unhandled error. (${values[0]})`);
    for (const call of calls) call.apply(this, values);
    return calls.length > 0;
  }
  listeners(name) { return this.#calls.get(name) ?? []; }
  listenerCount(name) { return this.listeners(name).length; }
  eventNames() { return [...this.#calls.keys()].filter((name) => this.listenerCount(name) > 0); }
  setMaxListeners() { return this; }
  removeAllListeners(name) {
    if (name === undefined) this.#calls.clear();
    else this.#calls.delete(name);
    return this;
  }
}
Object.assign(EventEmitter.prototype, { addListener: EventEmitter.prototype.on, removeListener: EventEmitter.prototype.off });
const once = (emitter, name) =>
  new Promise((resolve, reject) => {
    emitter.once(name, (...values) => resolve(values));
    if (name !== 'error') emitter.once('error', reject);
  });
/** `require('events')` is the class itself. */
export const events = Object.assign(EventEmitter, { EventEmitter, once, default: EventEmitter });

class AbortSignal extends EventEmitter {
  aborted = false;
  reason = undefined;
  onabort = null;
  addEventListener(name, call) { this.on(name, call); }
  removeEventListener(name, call) { this.off(name, call); }
  throwIfAborted() {
    if (this.aborted) throw this.reason;
  }
  static timeout(ms) {
    const controller = new AbortController();
    setTimeout(() => controller.abort(Object.assign(new Error('The operation was aborted due to timeout'), { name: 'TimeoutError' })), ms);
    return controller.signal;
  }
}

class AbortController {
  signal = new AbortSignal();
  abort(reason = Object.assign(new Error('This operation was aborted'), { name: 'AbortError' })) {
    if (this.signal.aborted) return;
    Object.assign(this.signal, { aborted: true, reason });
    const event = { type: 'abort', target: this.signal };
    this.signal.onabort?.(event);
    this.signal.emit('abort', event);
  }
}

/** Alike all the way down; `==` for what is no object unless `strictly`. */
function alike(one, other, strictly) {
  if (Object.is(one, other) || (!strictly && one == other)) return true;
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return false;
  if (strictly && Object.getPrototypeOf(one) !== Object.getPrototypeOf(other)) return false;
  if (one instanceof Date && other instanceof Date) return one.getTime() === other.getTime();
  if (one instanceof Map || one instanceof Set) return other.constructor === one.constructor && alike([...one], [...other], strictly);
  const keys = Object.keys(one);
  return keys.length === Object.keys(other).length && keys.every((key) => key in other && alike(one[key], other[key], strictly));
}

class AssertionError extends Error {
  name = 'AssertionError';
  code = 'ERR_ASSERTION';
}

const said = (value) => (value instanceof Error ? String(value) : JSON.stringify(value) ?? String(value));

function held(isTrue, message, otherwise) {
  if (isTrue) return;
  throw message instanceof Error ? message : new AssertionError(message ?? otherwise);
}

const ok = (value, message) => held(value, message, `${said(value)} is not true`);
const compared = (compare, words) => (one, other, message) => held(compare(one, other), message, `${said(one)} ${words} ${said(other)}`);

function thrown(call) {
  try {
    call();
  } catch (error) {
    return { error };
  }
  return undefined;
}

export const assert = Object.assign(ok, {
  ok,
  AssertionError,
  equal: compared((one, other) => one == other, 'is not'),
  notEqual: compared((one, other) => one != other, 'is'),
  strictEqual: compared(Object.is, 'is not'),
  notStrictEqual: compared((one, other) => !Object.is(one, other), 'is'),
  deepEqual: compared((one, other) => alike(one, other, false), 'is not like'),
  deepStrictEqual: compared((one, other) => alike(one, other, true), 'is not like'),
  fail: (message = 'Failed') => held(false, message),
  match: (value, wanted, message) => held(wanted.test(value), message, `${said(value)} does not match ${wanted}`),
  throws: (call, ...rest) => held(thrown(call), rest.at(-1)?.charAt ? rest.at(-1) : undefined, 'Missing expected exception.'),
});
assert.strict = assert;

export const timers = {
  setTimeout: (ms, value) => new Promise((resolve) => setTimeout(resolve, ms, value)),
  setImmediate: (value) => new Promise((resolve) => setImmediate(resolve, value)),
};

export const own = { AbortController, AbortSignal };
