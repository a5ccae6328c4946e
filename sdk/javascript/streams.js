// Node's `stream`: what is read and written piece by piece, and what is both. Constructors are functions that may be called without `new`, as
// code written before there were classes does.

import { Readable, startReading } from './readable.js';
import { Stream, begun, coded, inherits } from './stream_base.js';
import { Writable, startWriting, writing } from './writable.js';

export { Readable, Stream, Writable };

/** What is iterated hears that nobody wants more of it, and why if it takes failures. */
function left(values, error) {
  const told = (name) =>
    globalThis.Promise.resolve()
      .then(() => values[name]?.(error ?? undefined))
      .then((answer) => globalThis.Promise.resolve(answer?.value).then(() => answer?.done));
  return error && values.throw ? told('throw').then((isDone) => isDone || told('return')) : told('return');
}

/** Of an iterable, async or not, or of a text or bytes as one part. */
Readable.from = (source, options) => {
  const isWhole = typeof source === 'string' || source instanceof Uint8Array;
  const values = (isWhole ? [source] : source)[Symbol.asyncIterator]?.() ?? (isWhole ? [source] : source)[Symbol.iterator]();
  return new Readable({
    objectMode: true,
    ...options,
    read() {
      const told = ({ value, done }) => globalThis.Promise.resolve(value).then((one) => this.push(done ? null : one));
      globalThis.Promise.resolve(values.next()).then(told).catch((error) => this.destroy(error));
    },
    destroy(error, back) {
      left(values, error).then(() => back(error), (failed) => back(failed ?? error));
    },
  });
};

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
  this.on('prefinish', () => {
    if (this._final !== Transform.prototype._final) flushed(this, (error) => error && this.destroy(error));
  });
}

/** After the last part: apart from `_final`, which may be somebody's own. */
function flushed(stream, back) {
  const last = (error, made) => {
    if (error) return back(error);
    if (made != null) stream.push(made);
    stream.push(null);
    back();
  };
  if (typeof stream._flush === 'function') stream._flush(last);
  else last();
}

inherits(Transform, Duplex, {
  _transform(part, encoding, back) {
    back(coded('ERR_METHOD_NOT_IMPLEMENTED', 'The _transform() method is not implemented'));
  },
  _write(part, encoding, back) {
    const state = this._readableState;
    const before = state.length;
    this._transform(part, encoding, (error, made) => {
      if (error) return back(error);
      if (made != null) this.push(made);
      if (state.length === before || state.length < state.highWaterMark || state.ended) return back();
      this._held = back;
    });
  },
  _read() {
    const held = this._held;
    this._held = undefined;
    held?.();
  },
  _final(back) {
    flushed(this, back);
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
