// Node's `Writable`: one part at a time is written, and whoever writes hears when there is room again.

import { Buffer } from './buffer.js';
import { Stream, begun, coded, ending, inherits, later, over, sizeOf, stateOf } from './stream_base.js';

export function Writable(options) {
  if (!new.target && !(this instanceof Stream)) return new Writable(options);
  Stream.call(this, options);
  startWriting(this, options);
  begun(this, options);
}

export function startWriting(stream, options) {
  const state = { ...stateOf(options, 'writable'), finished: false, isBusy: false, needsDrain: false, corked: 0, ends: [], failure: undefined };
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
      later(() => back?.(error));
      stream.destroy(error);
      return;
    }
    later(() => {
      back?.(state.failure ?? null);
      if (stream.destroyed) forsaken(stream);
      else work(stream);
    });
  };
  try {
    if (stream._write === Writable.prototype._write && stream._writev) stream._writev([{ chunk: part, encoding }], written);
    else stream._write(part, encoding, written);
  } catch (error) {
    written(error);
  }
}

function finish(stream, state) {
  state.finishing = true;
  let isDone = false;
  const done = (error) => {
    if (isDone) return;
    isDone = true;
    if (error) return void stream.destroy(error);
    if (stream.destroyed) return;
    stream.emit('prefinish');
    later(() => finished(stream, state));
  };
  if (typeof stream._final !== 'function') return done();
  try {
    stream._final(done);
  } catch (error) {
    done(error);
  }
}

function finished(stream, state) {
  if (stream.destroyed) return;
  state.finished = true;
  for (const back of state.ends.splice(0)) back();
  stream.emit('finish');
  over(stream);
}

const destroyed = (call) => coded('ERR_STREAM_DESTROYED', `Cannot call ${call} after a stream was destroyed`);

/** Whoever waits for what will not be written any more hears why. */
function forsaken(stream) {
  const state = stream._writableState;
  if (state.isBusy) return;
  for (const { part, back } of state.buffer.splice(0)) {
    state.length -= sizeOf(state, part);
    back?.(state.failure ?? destroyed('write'));
  }
  for (const back of state.ends.splice(0)) back(state.failure ?? destroyed('end'));
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

export const writing = {
  _write(part, encoding, back) {
    back(coded('ERR_METHOD_NOT_IMPLEMENTED', 'The _write() method is not implemented'));
  },
  write(...values) {
    const state = this._writableState;
    let { part, encoding, back } = partedOf(...values);
    if (state.ended) return refused(this, coded('ERR_STREAM_WRITE_AFTER_END', 'write after end'), back);
    if (this.destroyed) return refused(this, destroyed('write'), back);
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
    return hasRoom && !this.destroyed;
  },
  end(...values) {
    const { part, encoding, back } = partedOf(...values);
    const state = this._writableState;
    if (part != null) this.write(part, encoding);
    if (back) {
      if (state.finished) later(() => back(coded('ERR_STREAM_ALREADY_FINISHED', 'Cannot call end after a stream was finished')));
      else if (this.destroyed) later(() => back(state.failure ?? destroyed('end')));
      else state.ends.push(back);
    }
    [state.ended, state.corked, this.writable] = [true, 0, false];
    later(() => work(this));
    return this;
  },
  destroy(error, back) {
    if (!this.destroyed) {
      this._writableState.failure = error ?? undefined;
      later(() => forsaken(this));
    }
    return ending.destroy.call(this, error, back);
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
