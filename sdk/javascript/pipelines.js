// What Node's `stream` does with several streams: chains that end and fail as one, and waiting for an end.

import { Duplex, PassThrough, Readable, Stream, Transform, Writable } from './streams.js';

function finished(stream, options, back = options) {
  let isTold = false;
  const open = {
    end: stream._readableState !== undefined && options?.readable !== false && !stream._readableState.endEmitted,
    finish: stream._writableState !== undefined && options?.writable !== false && !stream._writableState.finished,
  };
  const tell = (error) => {
    if (isTold) return;
    isTold = true;
    back(error);
  };
  const done = (name) => () => {
    open[name] = false;
    if (!open.end && !open.finish) tell();
  };
  const early = () => globalThis.queueMicrotask(() => tell(open.end || open.finish ? Object.assign(new Error('Premature close'), { code: 'ERR_STREAM_PREMATURE_CLOSE' }) : undefined));
  const calls = { end: done('end'), finish: done('finish'), error: tell, close: early };
  for (const [name, call] of Object.entries(calls)) stream.on(name, call);
  if (stream.errored || stream.closed || (!open.end && !open.finish)) globalThis.queueMicrotask(() => tell(stream.errored));
  return () => {
    for (const [name, call] of Object.entries(calls)) stream.off(name, call);
  };
}

const isStream = (one) => typeof one?.on === 'function' && (typeof one.pipe === 'function' || typeof one.write === 'function');

/** Sources may be iterables, and what stands between functions over them; the last one's answer is what a promise is for. */
function chained(parts) {
  const made = [];
  let last;
  for (const part of parts) {
    const given = typeof part === 'function' ? part(last) : part;
    if (isStream(given)) {
      if (last !== undefined && typeof part !== 'function') last.pipe(given);
      made.push((last = given));
    } else if (typeof given?.then === 'function') return { made, answer: given };
    else made.push((last = Readable.from(given)));
  }
  return { made, last };
}

function pipeline(...parts) {
  const back = parts.pop();
  let isTold = false;
  const { made, last, answer } = chained(parts.length === 1 && Array.isArray(parts[0]) ? parts[0] : parts);
  const tell = (error, value) => {
    if (isTold) return;
    isTold = true;
    if (error) for (const one of made) one.destroy();
    back(error, value);
  };
  for (const one of made) one.on('error', tell);
  if (answer) answer.then((value) => tell(undefined, value), tell);
  else finished(last, { readable: false }, tell);
  return last;
}

const promised = (call) => (...values) =>
  new globalThis.Promise((resolve, reject) => {
    // Signals and options stand last.
    const own = values.filter((value, at) => at === 0 || isStream(value) || typeof value === 'function' || typeof value?.[Symbol.iterator] === 'function' || typeof value?.[Symbol.asyncIterator] === 'function');
    call(...own, (error, value) => (error ? reject(error) : resolve(value)));
  });

const promises = { pipeline: promised(pipeline), finished: promised((stream, back) => finished(stream, {}, back)) };
const isDisturbed = (one) => Boolean(one?._readableState?.endEmitted || one?.destroyed);

export const stream = Object.assign(Stream, {
  Stream, Readable, Writable, Duplex, Transform, PassThrough, pipeline, finished, promises, isDisturbed,
  isReadable: (one) => Boolean(one?.readable),
  addAbortSignal: (signal, one) => {
    signal.addEventListener('abort', () => one.destroy(signal.reason));
    return one;
  },
});
