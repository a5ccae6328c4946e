// Node's `events` and `assert`, and what browsers have to call things off.

const ERROR_TOO = Symbol('events.errorMonitor');

/** Called as a function too, by classes that were made before there were any. */
export function EventEmitter() {}

/** Those of a name; what they are kept in comes with the first, since not everybody calls the constructor. */
const callsOf = (emitter) => (Object.hasOwn(emitter, '_events') ? emitter._events : Object.defineProperty(emitter, '_events', { value: new Map(), configurable: true })._events);

function added(emitter, name, call, method) {
  if (typeof call !== 'function') throw Object.assign(new TypeError(`The "listener" argument must be of type function. Received ${call === null ? 'null' : typeof call}`), { code: 'ERR_INVALID_ARG_TYPE' });
  const known = callsOf(emitter);
  if (known.has('newListener')) emitter.emit('newListener', name, call.listener ?? call);
  known.set(name, method === 'push' ? [...(known.get(name) ?? []), call] : [call, ...(known.get(name) ?? [])]);
  return emitter;
}

const unhandled = (context) => Object.assign(new Error(`Unhandled error. (${typeof context === 'string' ? `'${context}'` : said(context)})`), { code: 'ERR_UNHANDLED_ERROR', context });

function onceOnly(emitter, name, call) {
  const once = (...values) => {
    emitter.off(name, once);
    return call.apply(emitter, values);
  };
  return Object.assign(once, { listener: call });
}

const methods = {
  on(name, call) { return added(this, name, call, 'push'); },
  prependListener(name, call) { return added(this, name, call, 'unshift'); },
  once(name, call) { return this.on(name, onceOnly(this, name, call)); },
  prependOnceListener(name, call) { return this.prependListener(name, onceOnly(this, name, call)); },
  off(name, call) {
    const calls = callsOf(this).get(name) ?? [];
    const at = calls.findLastIndex((one) => one === call || one.listener === call);
    if (at >= 0) callsOf(this).set(name, calls.toSpliced(at, 1));
    if (at >= 0 && callsOf(this).has('removeListener')) this.emit('removeListener', name, call);
    return this;
  },
  emit(name, ...values) {
    if (name === 'error') for (const call of callsOf(this).get(ERROR_TOO) ?? []) call.apply(this, values);
    const calls = callsOf(this).get(name) ?? [];
    if (calls.length === 0 && name === 'error') throw values[0] instanceof Error ? values[0] : unhandled(values[0]);
    for (const call of calls) call.apply(this, values);
    return calls.length > 0;
  },
  listeners(name) { return this.rawListeners(name).map((call) => call.listener ?? call); },
  rawListeners(name) { return [...(callsOf(this).get(name) ?? [])]; },
  listenerCount(name) { return callsOf(this).get(name)?.length ?? 0; },
  eventNames() { return [...callsOf(this).keys()].filter((name) => this.listenerCount(name) > 0); },
  setMaxListeners() { return this; },
  getMaxListeners: () => 10,
  removeAllListeners(name) {
    if (name === undefined) callsOf(this).clear();
    else callsOf(this).delete(name);
    return this;
  },
};
// They can be counted, for those who mix them into objects of their own.
Object.assign(EventEmitter.prototype, methods, { addListener: methods.on, removeListener: methods.off });

export const calledOff = (cause) => Object.assign(new Error('The operation was aborted', cause && { cause }), { name: 'AbortError', code: 'ABORT_ERR' });

/** Hears what is told until it is stopped. */
function hearing(emitter, name, told, failed, signal) {
  const aborted = () => failed(calledOff(signal.reason));
  emitter.on(name, told);
  if (name !== 'error') emitter.on('error', failed);
  if (signal?.aborted) queueMicrotask(aborted);
  else signal?.addEventListener('abort', aborted);
  return () => {
    emitter.off(name, told);
    emitter.off('error', failed);
    signal?.removeEventListener('abort', aborted);
  };
}

const once = (emitter, name, options) =>
  new Promise((resolve, reject) => {
    const last = (call) => (...values) => {
      stop();
      call(values);
    };
    const stop = hearing(emitter, name, last(resolve), last(([error]) => reject(error)), options?.signal);
  });

/** What is told from now on, to be iterated. */
export function on(emitter, name, options) {
  const [told, waiting] = [[], []];
  let [isOver, failure] = [false, undefined];
  const wake = () => waiting.splice(0).forEach((call) => call());
  const next = () => {
    if (told.length > 0) return Promise.resolve({ value: told.shift(), done: false });
    if (!isOver) return new Promise((resolve) => waiting.push(() => resolve(next())));
    const error = failure;
    failure = undefined;
    return error ? Promise.reject(error) : Promise.resolve({ value: undefined, done: true });
  };
  const over = (error) => {
    stop();
    [isOver, failure] = [true, error];
    wake();
    return Promise.resolve({ value: undefined, done: true });
  };
  const stop = hearing(emitter, name, (...values) => wake(told.push(values)), over, options?.signal);
  for (const last of options?.close ?? []) emitter.once(last, () => over());
  return { next, return: () => over(), throw: over, [Symbol.asyncIterator]() { return this; } };
}

/** `require('events')` is the class itself. */
export const events = Object.assign(EventEmitter, {
  EventEmitter, once, on, errorMonitor: ERROR_TOO, defaultMaxListeners: 10, default: EventEmitter, setMaxListeners() {}, listenerCount: (emitter, name) => emitter.listenerCount(name),
});

export class Event {
  defaultPrevented = false;
  constructor(type, init = {}) {
    Object.assign(this, init, { type, timeStamp: Date.now() });
  }
  preventDefault() { this.defaultPrevented = true; }
  stopPropagation() {}
  stopImmediatePropagation() {}
}

class CustomEvent extends Event {}

export class EventTarget {
  #calls = new EventEmitter();
  addEventListener(name, call, options) {
    const told = typeof call === 'function' ? call : (event) => call.handleEvent(event);
    if (options?.once) this.#calls.once(name, told);
    else this.#calls.on(name, told);
  }
  removeEventListener(name, call) { this.#calls.off(name, call); }
  dispatchEvent(event) {
    event.target = this;
    this.#calls.emit(event.type, event);
    return !event.defaultPrevented;
  }
}

class AbortSignal extends EventEmitter {
  aborted = false;
  reason = undefined;
  onabort = null;
  addEventListener(name, call, options) {
    if (options?.once) this.once(name, call);
    else this.on(name, call);
  }
  removeEventListener(name, call) { this.off(name, call); }
  throwIfAborted() {
    if (this.aborted) throw this.reason;
  }
  static abort(reason) {
    const controller = new AbortController();
    controller.abort(reason);
    return controller.signal;
  }
  static any(signals) {
    const controller = new AbortController();
    for (const signal of signals) {
      if (signal.aborted) controller.abort(signal.reason);
      else signal.once('abort', () => controller.abort(signal.reason));
    }
    return controller.signal;
  }
  static timeout(ms) {
    const controller = new AbortController();
    setTimeout(() => controller.abort(Object.assign(new Error('The operation was aborted due to timeout'), { name: 'TimeoutError', code: 23 })), ms);
    return controller.signal;
  }
}

class AbortController {
  signal = new AbortSignal();
  abort(reason = Object.assign(new Error('This operation was aborted'), { name: 'AbortError', code: 20 })) {
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

/** Whether an error is the one that was named: by a pattern, a class, a question or its members. */
function isNamed(error, named) {
  if (named === undefined || typeof named === 'string') return true;
  if (named instanceof RegExp) return named.test(String(error));
  if (typeof named !== 'function') return Object.keys(named).every((key) => (named[key] instanceof RegExp ? named[key].test(error[key]) : alike(error[key], named[key], true)));
  if (named.prototype !== undefined && error instanceof named) return true;
  return !(Error.isPrototypeOf(named) || named === Error) && named.call({}, error) === true;
}

function fails(caught, rest, otherwise) {
  held(caught, rest.find((one) => typeof one === 'string'), otherwise);
  const [named] = rest;
  if (isNamed(caught.error, named)) return;
  if (typeof named === 'function') throw caught.error;
  throw new AssertionError(`${said(caught.error)} is not the error that was expected`);
}

const settled = (call) => {
  const begun = typeof call === 'function' ? thrown(() => (call = call())) : undefined;
  return begun ? Promise.resolve(begun) : Promise.resolve(call).then(() => undefined, (error) => ({ error }));
};

const unwanted = (caught, message) => held(!caught, message, `Got unwanted exception.${caught ? ` ${said(caught.error)}` : ''}`);

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
  doesNotMatch: (value, wanted, message) => held(!wanted.test(value), message, `${said(value)} matches ${wanted}`),
  notDeepEqual: compared((one, other) => !alike(one, other, false), 'is like'),
  notDeepStrictEqual: compared((one, other) => !alike(one, other, true), 'is like'),
  ifError: (value) => held(value === null || value === undefined, value, `ifError got unwanted exception: ${said(value)}`),
  throws: (call, ...rest) => fails(thrown(call), rest, 'Missing expected exception.'),
  doesNotThrow: (call, ...rest) => unwanted(thrown(call), rest.find((one) => typeof one === 'string')),
  rejects: (call, ...rest) => settled(call).then((caught) => fails(caught, rest, 'Missing expected rejection.')),
  doesNotReject: (call, ...rest) => settled(call).then((caught) => unwanted(caught, rest.find((one) => typeof one === 'string'))),
});
assert.strict = assert;

export const own = { AbortController, AbortSignal, Event, CustomEvent, EventTarget };
