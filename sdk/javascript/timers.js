// Node's `timers/promises`: waiting, once or again and again, until it is called off.

import { calledOff } from './events.js';

function waited(start, value, signal) {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(calledOff(signal.reason));
    let stop = () => {};
    const aborted = () => {
      stop();
      reject(calledOff(signal.reason));
    };
    stop = start(() => {
      signal?.removeEventListener('abort', aborted);
      resolve(value);
    });
    signal?.addEventListener('abort', aborted);
  });
}

function after(ms, value, options) {
  return waited((done) => {
    const timer = setTimeout(done, ms);
    return () => clearTimeout(timer);
  }, value, options?.signal);
}

function soon(value, options) {
  return waited((done) => {
    const timer = setImmediate(done);
    return () => clearImmediate(timer);
  }, value, options?.signal);
}

/** Without an end of its own. */
function every(ms, value, options) {
  let isOver = false;
  const over = () => ({ value: undefined, done: true });
  const next = () => (isOver ? Promise.resolve(over()) : after(ms, value, options).then((told) => (isOver ? over() : { value: told, done: false })));
  const leave = () => {
    isOver = true;
    return Promise.resolve(over());
  };
  return { next, return: leave, [Symbol.asyncIterator]() { return this; } };
}

export const timers = {
  setTimeout: after,
  setImmediate: soon,
  setInterval: every,
  scheduler: { wait: (ms, options) => after(ms, undefined, options), yield: () => soon() },
};
