// Node's `Readable`: parts that are told while it flows, taken while it stands, or iterated over.

import { Buffer } from './buffer.js';
import { StringDecoder } from './decoder.js';
import { EventEmitter } from './events.js';
import { Stream, begun, coded, ending, inherits, later, over, piped, sizeOf, stateOf } from './stream_base.js';

export function Readable(options) {
  if (!new.target && !(this instanceof Readable)) return new Readable(options);
  Stream.call(this, options);
  startReading(this, options);
  begun(this, options);
}

export function startReading(stream, options) {
  const state = { ...stateOf(options, 'readable'), flowing: null, reading: false, endEmitted: false, waits: false, isDue: false, decoder: undefined };
  stream._readableState = state;
  stream.readable = true;
  if (options?.encoding) stream.setEncoding(options.encoding);
}

/** What is due: parts are told while it flows, more is asked for, the end comes once. */
function turn(stream) {
  const state = stream._readableState;
  state.isDue = false;
  while (state.flowing && state.buffer.length > 0) stream.emit('data', taken(state));
  if (stream.destroyed) return;
  if (state.waits && !state.endEmitted && (state.buffer.length > 0 || state.ended)) stream.emit('readable');
  if (state.ended) {
    if (state.buffer.length === 0 && !state.endEmitted && (state.flowing || state.waits)) end(stream, state);
  } else wish(stream, state);
}

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
  if (state.reading || state.ended || state.length >= state.highWaterMark || (!state.flowing && !state.waits)) return;
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
    state.ended = true;
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
  }
  due(stream);
  return state.length < state.highWaterMark;
}

function joined(state, length) {
  const all = state.decoder ? state.buffer.join('') : Buffer.concat(state.buffer);
  state.buffer = length < all.length ? [all.slice(length)] : [];
  state.length = Math.max(all.length - length, 0);
  return all.slice(0, length);
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
    if (state.length === 0 && !state.ended && !state.reading) {
      state.waits ||= state.flowing === null;
      wish(this, state);
    }
    due(this);
    if (state.buffer.length === 0 || length > state.length && !state.ended) return null;
    return state.objectMode ? taken(state) : joined(state, length ?? state.length);
  },
  on(name, call) {
    EventEmitter.prototype.on.call(this, name, call);
    const state = this._readableState;
    if (name === 'data' && state.flowing !== false) this.resume();
    if (name === 'readable') {
      state.waits = true;
      state.flowing = false;
      due(this);
    }
    return this;
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
    return new globalThis.Promise((resolve, reject) => this.on('data', (part) => parts.push(part)).on('end', () => resolve(parts)).on('error', reject));
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
Readable.prototype.addListener = Readable.prototype.on;

/** One part at a time: it stands still while nobody asks. */
function partsOf(stream) {
  const parts = [];
  let [state, failure, waiting] = ['open', undefined, undefined];
  const wake = (how, error) => () => {
    if (how !== undefined && state === 'open') [state, failure] = [how, error];
    waiting?.();
    waiting = undefined;
  };
  stream.on('data', (part) => {
    parts.push(part);
    stream.pause();
    wake()();
  });
  stream.on('end', wake('ended')).on('error', (error) => wake('failed', error)()).on('close', wake('ended'));
  const next = () => {
    if (parts.length > 0) return globalThis.Promise.resolve({ value: parts.shift(), done: false });
    if (state === 'failed') return globalThis.Promise.reject(failure);
    if (state === 'ended' || stream.closed) return globalThis.Promise.resolve({ value: undefined, done: true });
    stream.resume();
    return new globalThis.Promise((resolve) => {
      waiting = () => resolve(next());
    });
  };
  const over = () => {
    stream.destroy();
    return globalThis.Promise.resolve({ value: undefined, done: true });
  };
  return { next, return: over, [Symbol.asyncIterator]() { return this; } };
}

/** Of an iterable, async or not, or of a text or bytes as one part. */
Readable.from = (source, options) => {
  const isWhole = typeof source === 'string' || source instanceof Uint8Array;
  const values = (isWhole ? [source] : source)[Symbol.asyncIterator]?.() ?? (isWhole ? [source] : source)[Symbol.iterator]();
  const made = new Readable({
    objectMode: true,
    ...options,
    read() {
      const told = ({ value, done }) => globalThis.Promise.resolve(value).then((one) => this.push(done ? null : one));
      globalThis.Promise.resolve(values.next()).then(told).catch((error) => this.destroy(error));
    },
  });
  return made;
};
