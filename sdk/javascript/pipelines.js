// What Node's `stream` does with several streams: chains that end and fail as one, and waiting for an end.

import { calledOff } from './events.js';
import { tooSoon } from './readable.js';
import { later } from './stream_base.js';
import { Duplex, PassThrough, Readable, Stream, Transform, Writable } from './streams.js';

/** Tells an error once it is called off; what it answers stops that. */
function callable(signal, fail) {
  const aborted = () => fail(calledOff(signal.reason));
  if (signal?.aborted) later(aborted);
  else signal?.addEventListener('abort', aborted);
  return () => signal?.removeEventListener('abort', aborted);
}

/** Which ends are still to come. Answers of servers have no state but say that they are finished. */
function openOf(stream, options) {
  const [reads, writes] = [stream._readableState !== undefined, stream._writableState !== undefined || 'writableFinished' in stream];
  return { end: reads && options?.readable !== false && !stream.readableEnded, finish: writes && options?.writable !== false && !stream.writableFinished };
}

function finished(stream, options, back = options) {
  const open = openOf(stream, options);
  let isTold = false;
  const tell = (error) => {
    if (isTold) return;
    isTold = true;
    stop();
    back(error);
  };
  const done = (name) => () => {
    open[name] = false;
    if (!open.end && !open.finish) tell();
  };
  const closed = () => later(() => tell(stream.errored ?? (open.end || open.finish ? tooSoon() : undefined)));
  const calls = { end: done('end'), finish: done('finish'), error: tell, close: closed };
  const stop = callable(options?.signal, tell);
  for (const [name, call] of Object.entries(calls)) stream.on(name, call);
  if (stream.closed || stream.errored || (!open.end && !open.finish)) closed();
  return () => {
    stop();
    for (const [name, call] of Object.entries(calls)) stream.off(name, call);
  };
}

const isStream = (one) => typeof one?.on === 'function' && (typeof one.pipe === 'function' || typeof one.write === 'function');

function passed(source, target) {
  source.pipe(target);
  if (source.readableEnded) later(() => target.end());
}

/** Sources may be iterables, and what stands between functions over them; the last one's answer is what a promise is for. */
function chained(parts, signal) {
  const [made, piped] = [[], []];
  let last;
  for (const part of parts) {
    const given = typeof part === 'function' ? part(last, { signal }) : part;
    if (isStream(given)) {
      if (last !== undefined && typeof part !== 'function') piped.push([last, given]);
      made.push((last = given));
    } else if (typeof given?.then === 'function') return { made, piped, answer: given };
    else made.push((last = Readable.from(given)));
  }
  return { made, piped, last };
}

function joined(parts, back, signal) {
  let isTold = false;
  const { made, piped, last, answer } = chained(parts, signal);
  const tell = (error, value) => {
    if (isTold) return;
    isTold = true;
    stop();
    if (error) for (const one of made) one.destroy?.(error);
    back(error, value);
  };
  const stop = callable(signal, tell);
  // Whoever iterates may break off; what comes of that is told by the chain.
  const failed = (error) => error?.name !== 'AbortError' && tell(error);
  for (const one of made) one.on('error', failed);
  for (const [source, target] of piped) {
    finished(source, { writable: false }, (error) => error && tell(error));
    passed(source, target);
  }
  if (answer) answer.then((value) => tell(undefined, value), tell);
  else finished(last, { readable: false }, tell);
  return last;
}

const listed = (parts) => (parts.length === 1 && Array.isArray(parts[0]) ? parts[0] : parts);
const pipeline = (...parts) => joined(listed(parts.slice(0, -1)), parts.at(-1));
const isOptions = (one) => typeof one === 'object' && one !== null && !isStream(one) && !one[Symbol.iterator] && !one[Symbol.asyncIterator];
const promised = (call) => new globalThis.Promise((resolve, reject) => call((error, value) => (error ? reject(error) : resolve(value))));

const promises = {
  pipeline: (...parts) => {
    // Options stand last.
    const options = parts.length > 1 && isOptions(parts.at(-1)) ? parts.pop() : undefined;
    return promised((back) => joined(listed(parts), back, options?.signal));
  },
  finished: (stream, options) => promised((back) => finished(stream, options ?? {}, back)),
};
const isDisturbed = (one) => Boolean(one?._readableState?.endEmitted || one?.destroyed);

export const stream = Object.assign(Stream, {
  Stream, Readable, Writable, Duplex, Transform, PassThrough, pipeline, finished, promises, isDisturbed,
  isReadable: (one) => Boolean(one?.readable),
  addAbortSignal: (signal, one) => {
    callable(signal, (error) => one.destroy(error));
    return one;
  },
});
