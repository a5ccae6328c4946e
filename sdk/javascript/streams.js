// Node's `stream`: what is read and written piece by piece, with pipes, iteration and back-pressure. Constructors are functions that may be
// called without `new`, as code written before there were classes does.

import { Buffer } from './buffer.js';
import { StringDecoder } from './decoder.js';
import { EventEmitter } from './events.js';

const BYTES_HELD = 65536;
const OBJECTS_HELD = 16;

const later = (call) => globalThis.queueMicrotask(call);
const coded = (code, message) => Object.assign(new Error(message), { code });
const sizeOf = (state, part) => (state.objectMode ? 1 : part.length);

/** Gives `made` what `base` has. */
function inherits(made, base, methods) {
  Object.setPrototypeOf(made, base);
  Object.setPrototypeOf(made.prototype, base.prototype);
  Object.defineProperties(made.prototype, Object.getOwnPropertyDescriptors(methods));
}

export function Stream(options) {
  EventEmitter.call(this, options);
}
inherits(Stream, EventEmitter, {
  /** Of streams that only tell `data` and `end`. */
  pipe(target, options) {
    return piped(this, target, options);
  },
});

function piped(source, target, options) {
  const passed = (part) => {
    if (target.write(part) !== false) return;
    source.pause?.();
    target.once('drain', () => source.resume?.());
  };
  const ended = () => target.end?.();
  source.on('data', passed);
  if (options?.end !== false && target !== globalThis.process?.stdout) source.once('end', ended);
  (source._pipes ??= new Map()).set(target, () => source.off('data', passed).off('end', ended));
  target.emit?.('pipe', source);
  source.resume?.();
  return target;
}

function stateOf(options, side) {
  const objectMode = Boolean(options?.objectMode ?? options?.[`${side}ObjectMode`]);
  const highWaterMark = options?.highWaterMark ?? options?.[`${side}HighWaterMark`] ?? (objectMode ? OBJECTS_HELD : BYTES_HELD);
  return { objectMode, highWaterMark, length: 0, ended: false, buffer: [] };
}

/** What both kinds have of their end: an error is told once, then that it is closed. */
const ending = {
  destroy(error, back) {
    if (this.destroyed) return this;
    this.destroyed = true;
    if (this._readableState) this._readableState.ended = true;
    this._destroy(error ?? null, (failed = error) => {
      back?.(failed);
      later(() => {
        if (failed) {
          this.errored = failed;
          if (!back || this.listenerCount('error') > 0) this.emit('error', failed);
        }
        closed(this);
      });
    });
    return this;
  },
  _destroy(error, back) {
    back(error ?? undefined);
  },
  [Symbol.asyncDispose ?? Symbol('asyncDispose')]() {
    this.destroy();
    return globalThis.Promise.resolve();
  },
};

function closed(stream) {
  if (stream.closed) return;
  stream.closed = true;
  stream.emit('close');
}

/** Once nothing more comes of any side. */
function over(stream) {
  const [reading, writing] = [stream._readableState, stream._writableState];
  if ((reading && !reading.endEmitted) || (writing && !writing.finished) || stream.destroyed || stream._keepsOpen) return;
  stream.destroyed = true;
  stream._destroy(null, () => closed(stream));
}

function begun(stream, options) {
  stream.destroyed = false;
  stream.closed = false;
  stream._keepsOpen = options?.autoDestroy === false;
  for (const name of ['read', 'write', 'writev', 'final', 'destroy', 'transform', 'flush']) {
    if (typeof options?.[name] === 'function') stream[`_${name}`] = options[name];
  }
}

export function Readable(options) {
  if (!new.target && !(this instanceof Readable)) return new Readable(options);
  Stream.call(this, options);
  startReading(this, options);
  begun(this, options);
}

function startReading(stream, options) {
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

export function Writable(options) {
  if (!new.target && !(this instanceof Stream)) return new Writable(options);
  Stream.call(this, options);
  startWriting(this, options);
  begun(this, options);
}

function startWriting(stream, options) {
  const state = { ...stateOf(options, 'writable'), finished: false, isBusy: false, needsDrain: false, corked: 0 };
  stream._writableState = Object.assign(state, { decodes: options?.decodeStrings !== false });
  stream.writable = true;
}

function work(stream) {
  const state = stream._writableState;
  if (state.isBusy || stream.destroyed || state.corked > 0) return;
  if (state.buffer.length === 0) {
    if (state.needsDrain && !state.ended) {
      state.needsDrain = false;
      stream.emit('drain');
    }
    if (state.ended && !state.finishing) finish(stream, state);
    return;
  }
  const { part, encoding, back } = state.buffer.shift();
  state.isBusy = true;
  let isDone = false;
  const written = (error) => {
    if (isDone) return;
    isDone = true;
    state.isBusy = false;
    state.length -= sizeOf(state, part);
    if (error) {
      back?.(error);
      stream.destroy(error);
      return;
    }
    later(() => {
      back?.(null);
      work(stream);
    });
  };
  try {
    if (stream._write === Writable.prototype._write && stream._writev) stream._writev([{ chunk: part, encoding }], written);
    else stream._write(part, encoding, written);
  } catch (error) {
    stream.destroy(error);
  }
}

function finish(stream, state) {
  state.finishing = true;
  const finished = (error) => {
    if (error) return void stream.destroy(error);
    state.finished = true;
    stream.emit('finish');
    over(stream);
  };
  stream.emit('prefinish');
  if (typeof stream._final === 'function') stream._final(finished);
  else finished();
}

function refused(stream, error, back) {
  later(() => {
    back?.(error);
    stream.destroy(error);
  });
  return false;
}

/** Values of a call `(part, encoding, callback)` of which any may be left out. */
function partedOf(part, encoding, back) {
  const calls = [part, encoding, back].find((one) => typeof one === 'function');
  return { part: typeof part === 'function' ? undefined : part, encoding: typeof encoding === 'string' ? encoding : 'utf8', back: calls };
}

const writing = {
  _write(part, encoding, back) {
    back(coded('ERR_METHOD_NOT_IMPLEMENTED', 'The _write() method is not implemented'));
  },
  write(...values) {
    const state = this._writableState;
    let { part, encoding, back } = partedOf(...values);
    if (state.ended) return refused(this, coded('ERR_STREAM_WRITE_AFTER_END', 'write after end'), back);
    if (this.destroyed) return refused(this, coded('ERR_STREAM_DESTROYED', 'Cannot call write after a stream was destroyed'), back);
    if (part === null) throw coded('ERR_STREAM_NULL_VALUES', 'May not write null values to stream');
    if (!state.objectMode) {
      if (typeof part === 'string' && state.decodes) [part, encoding] = [Buffer.from(part, encoding), 'buffer'];
      else if (part instanceof Uint8Array) [part, encoding] = [Buffer.isBuffer(part) ? part : Buffer.from(part), 'buffer'];
      else if (typeof part !== 'string') throw Object.assign(new TypeError(`The "chunk" argument must be of type string or an instance of Buffer or Uint8Array. Received ${typeof part}`), { code: 'ERR_INVALID_ARG_TYPE' });
    }
    state.buffer.push({ part, encoding, back });
    state.length += sizeOf(state, part);
    const hasRoom = state.length < state.highWaterMark;
    if (!hasRoom) state.needsDrain = true;
    work(this);
    return hasRoom;
  },
  end(...values) {
    const { part, encoding, back } = partedOf(...values);
    const state = this._writableState;
    if (part != null) this.write(part, encoding);
    if (back) {
      if (state.finished) later(back);
      else this.once('finish', back);
    }
    [state.ended, state.corked, this.writable] = [true, 0, false];
    later(() => work(this));
    return this;
  },
  cork() {
    this._writableState.corked += 1;
  },
  uncork() {
    this._writableState.corked = Math.max(this._writableState.corked - 1, 0);
    work(this);
  },
  setDefaultEncoding() {
    return this;
  },
  get writableEnded() { return this._writableState.ended; },
  get writableFinished() { return this._writableState.finished; },
  get writableLength() { return this._writableState.length; },
  get writableObjectMode() { return this._writableState.objectMode; },
  get writableHighWaterMark() { return this._writableState.highWaterMark; },
  get writableNeedDrain() { return this._writableState.needsDrain; },
};
inherits(Writable, Stream, { ...ending });
Object.defineProperties(Writable.prototype, Object.getOwnPropertyDescriptors(writing));

export function Duplex(options) {
  if (!new.target && !(this instanceof Duplex)) return new Duplex(options);
  Stream.call(this, options);
  startReading(this, options);
  startWriting(this, options);
  begun(this, options);
  this.allowHalfOpen = options?.allowHalfOpen ?? true;
}
inherits(Duplex, Readable, {});
Object.defineProperties(Duplex.prototype, Object.getOwnPropertyDescriptors(writing));
// What can be written is one, though it is made of the other.
Object.defineProperty(Writable, Symbol.hasInstance, {
  value(one) {
    return Function.prototype[Symbol.hasInstance].call(this, one) || (this === Writable && Function.prototype[Symbol.hasInstance].call(Duplex, one));
  },
});

export function Transform(options) {
  if (!new.target && !(this instanceof Transform)) return new Transform(options);
  Duplex.call(this, options);
}
inherits(Transform, Duplex, {
  _transform(part, encoding, back) {
    back(coded('ERR_METHOD_NOT_IMPLEMENTED', 'The _transform() method is not implemented'));
  },
  _write(part, encoding, back) {
    this._transform(part, encoding, (error, made) => {
      if (error) return back(error);
      if (made != null) this.push(made);
      const state = this._readableState;
      if (state.length < state.highWaterMark || state.ended) return back();
      this._held = back;
    });
  },
  _read() {
    const held = this._held;
    this._held = undefined;
    held?.();
  },
  _final(back) {
    if (typeof this._flush !== 'function') {
      this.push(null);
      return back();
    }
    this._flush((error, made) => {
      if (error) return back(error);
      if (made != null) this.push(made);
      this.push(null);
      back();
    });
  },
});

export function PassThrough(options) {
  if (!new.target && !(this instanceof PassThrough)) return new PassThrough(options);
  Transform.call(this, options);
}
inherits(PassThrough, Transform, {
  _transform(part, encoding, back) {
    back(null, part);
  },
});
