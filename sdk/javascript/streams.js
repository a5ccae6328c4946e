// Node's `stream`: what is read and written piece by piece, and what is both. Constructors are functions that may be called without `new`, as
// code written before there were classes does.

import { Readable, startReading } from './readable.js';
import { Stream, begun, coded, inherits } from './stream_base.js';
import { Writable, startWriting, writing } from './writable.js';

export { Readable, Stream, Writable };

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
