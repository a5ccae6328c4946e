// Node's `async_hooks` and `diagnostics_channel`, as far as they say what belongs to what: values that follow a call through what it waits for.

import { following } from './promise.js';
import { EventEmitter } from './events.js';

const withValue = (storage, value, call) => {
  const before = following.now;
  following.now = new Map(before).set(storage, value);
  try {
    return call();
  } finally {
    following.now = before;
  }
};

export class AsyncLocalStorage {
  run(value, call, ...values) { return withValue(this, value, () => call(...values)); }
  exit(call, ...values) { return withValue(this, undefined, () => call(...values)); }
  getStore() { return following.now?.get(this); }
  enterWith(value) { following.now = new Map(following.now).set(this, value); }
  disable() { following.now = new Map(following.now).set(this, undefined); }
  static bind(call) { return AsyncResource.bind(call); }
  static snapshot() {
    const held = new AsyncResource('snapshot');
    return (call, ...values) => held.runInAsyncScope(call, undefined, ...values);
  }
}

export class AsyncResource {
  #held = following.now;
  constructor(type) {
    this.type = type;
  }
  runInAsyncScope(call, self, ...values) {
    const before = following.now;
    following.now = this.#held;
    try {
      return call.apply(self, values);
    } finally {
      following.now = before;
    }
  }
  bind(call) {
    const held = this;
    return function (...values) { return held.runInAsyncScope(call, this, ...values); };
  }
  static bind(call, type = call.name) { return new AsyncResource(type).bind(call); }
  emitDestroy() { return this; }
  asyncId() { return 1; }
  triggerAsyncId() { return 0; }
}

const hook = { enable: () => hook, disable: () => hook };
export const asyncHooks = { AsyncLocalStorage, AsyncResource, createHook: () => hook, executionAsyncId: () => 1, triggerAsyncId: () => 0, executionAsyncResource: () => ({}) };

const channels = new Map();
class Channel {
  #told = new EventEmitter();
  constructor(name) {
    this.name = name;
  }
  get hasSubscribers() { return this.#told.listenerCount('message') > 0; }
  subscribe(call) { this.#told.on('message', call); }
  unsubscribe(call) { this.#told.off('message', call); }
  publish(message) { this.#told.emit('message', message, this.name); }
  runStores(_, call, self, ...values) { return call.apply(self, values); }
}
function channel(name) {
  if (!channels.has(name)) channels.set(name, new Channel(name));
  return channels.get(name);
}
const tracingChannel = (name) => {
  const parts = Object.fromEntries(['start', 'end', 'asyncStart', 'asyncEnd', 'error'].map((part) => [part, channel(`tracing:${name}:${part}`)]));
  const passed = (call, _, self, ...values) => call.apply(self, values);
  return { ...parts, hasSubscribers: false, subscribe() {}, unsubscribe() {}, traceSync: passed, tracePromise: passed, traceCallback: (call, _at, _context, self, ...values) => call.apply(self, values) };
};
export const diagnostics = { channel, tracingChannel, hasSubscribers: (name) => channel(name).hasSubscribers, subscribe: (name, call) => channel(name).subscribe(call), unsubscribe: (name, call) => channel(name).unsubscribe(call), Channel };
