// What all streams of Node have: pipes, how much is held back, and one end.

import { EventEmitter } from './events.js';

const BYTES_HELD = 65536;
const OBJECTS_HELD = 16;

export const later = (call) => globalThis.queueMicrotask(call);
export const coded = (code, message) => Object.assign(new Error(message), { code });
export const sizeOf = (state, part) => (state.objectMode ? 1 : part.length);

/** Gives `made` what `base` has. */
export function inherits(made, base, methods) {
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

export function piped(source, target, options) {
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

export function stateOf(options, side) {
  const objectMode = Boolean(options?.objectMode ?? options?.[`${side}ObjectMode`]);
  const highWaterMark = options?.highWaterMark ?? options?.[`${side}HighWaterMark`] ?? (objectMode ? OBJECTS_HELD : BYTES_HELD);
  return { objectMode, highWaterMark, length: 0, ended: false, buffer: [] };
}

/** What both kinds have of their end: an error is told once, then that it is closed. */
export const ending = {
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
export function over(stream) {
  const [reading, writing] = [stream._readableState, stream._writableState];
  if ((reading && !reading.endEmitted) || (writing && !writing.finished) || stream.destroyed || stream._keepsOpen) return;
  stream.destroyed = true;
  stream._destroy(null, () => closed(stream));
}

export function begun(stream, options) {
  stream.destroyed = false;
  stream.closed = false;
  stream._keepsOpen = options?.autoDestroy === false;
  for (const name of ['read', 'write', 'writev', 'final', 'destroy', 'transform', 'flush']) {
    if (typeof options?.[name] === 'function') stream[`_${name}`] = options[name];
  }
}
