// Node's `Readable`: parts that are told while it flows, taken while it stands, or iterated over.

import { Buffer } from './buffer.js';
import { StringDecoder } from './decoder.js';
import { EventEmitter, calledOff } from './events.js';
import { Stream, begun, coded, ending, inherits, later, over, piped, sizeOf, stateOf } from './stream_base.js';

export function Readable(options) {
  if (!new.target && !(this instanceof Readable)) return new Readable(options);
  Stream.call(this, options);
  startReading(this, options);
  begun(this, options);
}

export function startReading(stream, options) {
  const state = { ...stateOf(options, 'readable'), flowing: null, reading: false, endEmitted: false, waits: false, isAsked: false, isNew: false, isDue: false, decoder: undefined };
  stream._readableState = state;
  stream.readable = true;
  if (options?.encoding) stream.setEncoding(options.encoding);
}

/** What is due: parts are told while it flows, more is asked for, the end comes once. */
function turn(stream) {
  const state = stream._readableState;
  state.isDue = false;
  while (state.flowing && state.buffer.length > 0 && !stream.destroyed) stream.emit('data', taken(state));
  if (stream.destroyed) return;
  const { isNew } = state;
  state.isNew = false;
  if (isNew && state.waits && !state.endEmitted && (state.buffer.length > 0 || state.ended)) stream.emit('readable');
  if (stream.destroyed) return;
  if (state.ended) {
    if (state.buffer.length === 0 && !state.endEmitted && isWanted(state)) end(stream, state);
  } else wish(stream, state);
}

const isWanted = (state) => state.flowing || state.waits || state.isAsked;

function end(stream, state) {
  state.endEmitted = true;
  stream.readable = false;
  stream.emit('end');
  if (stream._writableState && stream.allowHalfOpen === false) stream.end();
  over(stream);
}

function taken(state) {
  const part = state.buffer.shift();
  state.length -= sizeOf(state, part);
  return part;
}

function wish(stream, state) {
  // Of a stream that may hold nothing, one part is asked for at a time.
  const isFull = state.length > 0 && state.length >= state.highWaterMark;
  if (state.reading || state.ended || isFull || !isWanted(state)) return;
  state.reading = true;
  try {
    stream._read(state.highWaterMark);
  } catch (error) {
    stream.destroy(error);
  }
}

function due(stream) {
  const state = stream._readableState;
  if (state.isDue) return;
  state.isDue = true;
  later(() => turn(stream));
}

function added(stream, part, encoding, place) {
  const state = stream._readableState;
  state.reading = false;
  if (part === null) {
    const rest = state.decoder?.end();
    if (rest) state.length += state.buffer.push(rest) && rest.length;
    state.ended = state.isNew = true;
    due(stream);
    return false;
  }
  if (state.ended) {
    stream.destroy(coded('ERR_STREAM_PUSH_AFTER_EOF', 'stream.push() after EOF'));
    return false;
  }
  if (!state.objectMode) {
    if (typeof part === 'string') part = Buffer.from(part, encoding);
    else if (part instanceof Uint8Array) part = Buffer.isBuffer(part) ? part : Buffer.from(part);
    else if (part !== undefined) stream.destroy(coded('ERR_INVALID_ARG_TYPE', `The "chunk" argument must be of type string or an instance of Buffer. Received ${typeof part}`));
    if (state.decoder) part = state.decoder.write(part);
  }
  if (state.objectMode || part?.length > 0) {
    state.buffer[place](part);
    state.length += sizeOf(state, part);
    state.isNew = true;
  }
  due(stream);
  return state.length < state.highWaterMark;
}

function joined(state, length) {
  const many = () => (state.decoder ? state.buffer.join('') : Buffer.concat(state.buffer));
  const all = state.buffer.length === 1 ? state.buffer[0] : many();
  state.buffer = length < all.length ? [all.slice(length)] : [];
  state.length = Math.max(all.length - length, 0);
  return all.slice(0, length);
}

/** When the last has gone who reads for himself, it flows for those who take parts as they come. */
function unlistened(stream) {
  const state = stream._readableState;
  if (!state.waits || stream.listenerCount('readable') > 0) return stream;
  [state.waits, state.flowing] = [false, null];
  if (stream.listenerCount('data') > 0) stream.resume();
  return stream;
}

inherits(Readable, Stream, {
  ...ending,
  _read() {
    throw coded('ERR_METHOD_NOT_IMPLEMENTED', 'The _read() method is not implemented');
  },
  push(part, encoding) {
    return added(this, part, encoding, 'push');
  },
  unshift(part, encoding) {
    return added(this, part, encoding, 'unshift');
  },
  read(length) {
    const state = this._readableState;
    state.isAsked = true;
    if (!state.objectMode && length > state.highWaterMark) state.highWaterMark = length;
    if (state.length === 0 || length > state.length) wish(this, state);
    due(this);
    const isShort = !state.objectMode && length > state.length && !state.ended;
    if (state.buffer.length === 0 || length === 0 || isShort) return null;
    const part = state.objectMode ? taken(state) : joined(state, length ?? state.length);
    this.emit('data', part);
    return part;
  },
  on(name, call) {
    EventEmitter.prototype.on.call(this, name, call);
    const state = this._readableState;
    if (name === 'data' && state.flowing !== false) this.resume();
    if (name === 'readable') {
      [state.waits, state.isNew, state.flowing] = [true, true, false];
      due(this);
    }
    return this;
  },
  off(name, call) {
    EventEmitter.prototype.off.call(this, name, call);
    return unlistened(this);
  },
  removeAllListeners(name) {
    EventEmitter.prototype.removeAllListeners.call(this, name);
    return unlistened(this);
  },
  pause() {
    this._readableState.flowing = false;
    this.emit('pause');
    return this;
  },
  resume() {
    if (!this._readableState.waits) this._readableState.flowing = true;
    this.emit('resume');
    due(this);
    return this;
  },
  isPaused() {
    return this._readableState.flowing === false;
  },
  setEncoding(encoding) {
    const state = this._readableState;
    state.decoder = new StringDecoder(encoding);
    state.buffer = state.buffer.map((part) => state.decoder.write(part));
    return this;
  },
  pipe(target, options) {
    return piped(this, target, options);
  },
  unpipe(target) {
    const all = this._pipes ?? new Map();
    for (const [one, stop] of all) {
      if (target !== undefined && one !== target) continue;
      stop();
      all.delete(one);
      one.emit?.('unpipe', this);
    }
    return this;
  },
  toArray() {
    const parts = [];
    return new globalThis.Promise((resolve, reject) => {
      const closed = () => reject(tooSoon());
      this.on('data', (part) => parts.push(part)).on('end', () => resolve(parts)).on('error', reject).on('close', closed);
      if (this.closed) closed();
    });
  },
  map(call, options) { return passed(this, call, options, (value) => [value]); },
  filter(call, options) { return passed(this, call, options, (isWanted, part) => (isWanted ? [part] : [])); },
  flatMap(call, options) { return passed(this, call, options, (value) => [...value]); },
  forEach(call) { return walked(this, (part) => Promise.resolve(call(part)).then(() => false)).then(() => undefined); },
  some(call) { return walked(this, call).then((found) => found !== undefined); },
  every(call) { return walked(this, (part) => Promise.resolve(call(part)).then((holds) => !holds)).then((found) => found === undefined); },
  find(call) { return walked(this, call).then((found) => found?.part); },
  reduce(call, ...first) {
    let [sum] = first;
    let isFirst = first.length === 0;
    const add = (part) => Promise.resolve(isFirst ? part : call(sum, part)).then((value) => void ([sum, isFirst] = [value, false]));
    return walked(this, add).then(() => (isFirst ? Promise.reject(new TypeError('Reduce of an empty stream requires an initial value')) : sum));
  },
  take(count) {
    let left = count;
    return passed(this, (part) => part, undefined, (part) => (left-- > 0 ? [part] : []), () => left <= 0);
  },
  drop(count) {
    let left = count;
    return passed(this, (part) => part, undefined, (part) => (left-- > 0 ? [] : [part]));
  },
  [Symbol.asyncIterator]() {
    return partsOf(this);
  },
  get readableFlowing() { return this._readableState.flowing; },
  get readableLength() { return this._readableState.length; },
  get readableEnded() { return this._readableState.endEmitted; },
  get readableObjectMode() { return this._readableState.objectMode; },
  get readableHighWaterMark() { return this._readableState.highWaterMark; },
  get readableEncoding() { return this._readableState.decoder?.encoding ?? null; },
});
Object.assign(Readable.prototype, { addListener: Readable.prototype.on, removeListener: Readable.prototype.off });

/** What is made of each part, one after another. */
function passed(stream, call, options, made, isOver = () => false) {
  const parts = partsOf(stream);
  const last = { value: undefined, done: true };
  const ready = [];
  const next = () => {
    if (ready.length > 0) return Promise.resolve({ value: ready.shift(), done: false });
    if (isOver()) return parts.return().then(() => last);
    return parts.next().then(({ value, done }) => {
      if (done) return last;
      const given = Promise.resolve(call(value, { signal: options?.signal }));
      return given.then((told) => ready.push(...made(told, value))).then(next);
    });
  };
  return Readable.from({ [Symbol.asyncIterator]: () => ({ next, return: () => parts.return() }) });
}

/** The first part of which `isIt`; the stream ends there. */
function walked(stream, isIt) {
  const parts = partsOf(stream);
  const next = () => parts.next().then(({ value, done }) => {
    if (done) return undefined;
    return Promise.resolve(isIt(value)).then((found) => (found ? parts.return().then(() => ({ part: value })) : next()));
  });
  return next();
}

export const tooSoon = () => coded('ERR_STREAM_PREMATURE_CLOSE', 'Premature close');

/** One part at a time: it stands still while nobody asks. */
function partsOf(stream) {
  const waiting = [];
  let [isOver, failure] = [stream.readableEnded, undefined];
  const wake = () => waiting.splice(0).forEach((call) => call());
  const over = (error) => {
    if (!isOver) [isOver, failure] = [true, error];
    wake();
  };
  const closed = () => over(stream.errored ?? tooSoon());
  stream.on('readable', wake).on('end', () => over()).on('error', over).on('close', closed);
  if (stream.closed) closed();
  const done = () => globalThis.Promise.resolve({ value: undefined, done: true });
  const next = () => {
    const part = isOver || stream.destroyed ? null : stream.read();
    if (part !== null) return globalThis.Promise.resolve({ value: part, done: false });
    if (!isOver) return new globalThis.Promise((resolve) => waiting.push(() => resolve(next())));
    const error = failure;
    failure = undefined;
    return error ? globalThis.Promise.reject(error) : done();
  };
  const leave = () => {
    const error = isOver ? undefined : calledOff();
    over();
    stream.destroy(error);
    return done();
  };
  return { next, return: leave, [Symbol.asyncIterator]() { return this; } };
}
