// Promises, timers and their queue, in JavaScript: a handler is called and must have answered when the call returns, and
// an engine's own queue cannot be run from within. esbuild turns async functions into generators over `Promise`, which is
// then this one. What was asked to happen later happens in its order, and timers when their time has come.

const tasks = [];
const timers = new Map();
let timer = 0;

/** What belongs to the call that is under way: it comes along to whatever that call waits for. */
export const following = { now: undefined };

function follows(call) {
  const held = following.now;
  return () => {
    following.now = held;
    call();
  };
}

const isObject = (value) => (typeof value === 'object' && value !== null) || typeof value === 'function';

/** What was rejected while nobody listened. */
const unheard = new Map();

class Settling {
  #state = 'pending';
  #value;
  #waiting = [];

  constructor(start) {
    const [resolve, reject] = this.#settlers();
    try {
      start(resolve, reject);
    } catch (error) {
      reject(error);
    }
  }

  /** The first call of either counts; a promise that is given settles this one when it settles itself. */
  #settlers() {
    let settled = false;
    const once = (settle) => (value) => {
      if (settled) return;
      settled = true;
      settle(value);
    };
    return [once((value) => this.#resolve(value)), once((error) => this.#settle('rejected', error))];
  }

  #resolve(value) {
    if (value === this) return this.#settle('rejected', new TypeError('a promise cannot wait for itself'));
    let then;
    try {
      then = isObject(value) ? value.then : undefined;
    } catch (error) {
      return this.#settle('rejected', error);
    }
    if (typeof then !== 'function') return this.#settle('fulfilled', value);
    tasks.push(follows(() => {
      const [resolve, reject] = this.#settlers();
      try {
        then.call(value, resolve, reject);
      } catch (error) {
        reject(error);
      }
    }));
  }

  #settle(state, value) {
    [this.#state, this.#value] = [state, value];
    if (state === 'rejected' && this.#waiting.length === 0) unheard.set(this, value);
    for (const react of this.#waiting.splice(0)) tasks.push(react);
  }

  then(fulfilled, rejected) {
    unheard.delete(this);
    return new Settling((resolve, reject) => {
      const react = follows(() => {
        const call = this.#state === 'fulfilled' ? fulfilled : rejected;
        if (typeof call !== 'function') return this.#state === 'fulfilled' ? resolve(this.#value) : reject(this.#value);
        try {
          resolve(call(this.#value));
        } catch (error) {
          reject(error);
        }
      });
      if (this.#state === 'pending') this.#waiting.push(react);
      else tasks.push(react);
    });
  }
  catch(rejected) {
    return this.then(undefined, rejected);
  }
  finally(call) {
    if (typeof call !== 'function') return this.then(call, call);
    return this.then(
      (value) => Settling.resolve(call()).then(() => value),
      (error) => Settling.resolve(call()).then(() => { throw error; }),
    );
  }

  static resolve(value) {
    return value instanceof Settling ? value : new Settling((resolve) => resolve(value));
  }
  static reject(error) {
    return new Settling((_, reject) => reject(error));
  }
  static withResolvers() {
    const made = {};
    made.promise = new Settling((resolve, reject) => Object.assign(made, { resolve, reject }));
    return made;
  }
  static #each(values, onValue, onError) {
    return new Settling((resolve, reject) => {
      const [all, found] = [[...values], []];
      let open = all.length;
      const note = (at, value) => {
        found[at] = value;
        open -= 1;
        if (open === 0) resolve(found);
      };
      if (open === 0) resolve(found);
      all.forEach((value, at) => Settling.resolve(value).then((one) => note(at, onValue(one)), onError ? (error) => note(at, onError(error)) : reject));
    });
  }
  static all(values) {
    return Settling.#each(values, (value) => value);
  }
  static allSettled(values) {
    return Settling.#each(values, (value) => ({ status: 'fulfilled', value }), (reason) => ({ status: 'rejected', reason }));
  }
  static race(values) {
    return new Settling((resolve, reject) => [...values].forEach((value) => Settling.resolve(value).then(resolve, reject)));
  }
  static any(values) {
    return new Settling((resolve, reject) => {
      const all = [...values].map((value) => Settling.resolve(value).then((one) => { resolve(one); }, (error) => error));
      Settling.all(all).then((errors) => reject(new AggregateError(errors, 'All promises were rejected')));
    });
  }
}
Object.defineProperty(Settling, 'name', { value: 'Promise' });

/** As in Node, no number but what may be used as one. */
class Timeout {
  constructor(id, again) {
    this.id = id;
    this.again = again;
  }
  ref() { return this; }
  unref() { return this; }
  hasRef() { return true; }
  refresh() {
    this.again();
    return this;
  }
  close() {
    timers.delete(this.id);
    return this;
  }
  [Symbol.toPrimitive]() { return this.id; }
}

function later(call, ms, values, every) {
  timer += 1;
  const id = timer;
  const run = follows(() => call(...values));
  const again = () => timers.set(id, { call: run, at: Date.now() + (ms > 0 ? ms : 0), every });
  again();
  return new Timeout(id, again);
}

const stopped = (timeout) => void timers.delete(Number(timeout ?? 0));

/** As Lambda's runtime for Node ends such an invocation. */
function notHeard() {
  const [[, reason]] = unheard;
  unheard.clear();
  const error = reason instanceof Error ? reason : new Error(String(reason));
  return Object.assign(Object.create(error), { name: 'Runtime.UnhandledPromiseRejection', message: `${error.name}: ${error.message}`, from: error });
}

/** Runs what is due until `isDone`; false where nothing is left that could settle anything. */
export function settle(isDone) {
  while (!isDone()) {
    const task = tasks.shift();
    if (task) {
      task();
      continue;
    }
    if (unheard.size > 0) throw notHeard();
    const next = [...timers].reduce((first, one) => (!first || one[1].at < first[1].at ? one : first), undefined);
    if (!next) return false;
    const [id, { call, at, every }] = next;
    // The host ends who waits beyond the function's timeout.
    while (Date.now() < at);
    if (every === undefined) timers.delete(id);
    else timers.get(id).at = at + Math.max(every, 1);
    call();
  }
  return true;
}

/** What the last event left to be done later is not done in the next one. */
export function forget() {
  tasks.length = 0;
  timers.clear();
  unheard.clear();
  following.now = undefined;
}

export const globals = {
  Promise: Settling,
  queueMicrotask: (call) => void tasks.push(follows(call)),
  setTimeout: (call, ms, ...values) => later(call, ms, values),
  setInterval: (call, ms = 1, ...values) => later(call, ms, values, ms),
  setImmediate: (call, ...values) => later(call, 0, values),
  clearTimeout: stopped,
  clearInterval: stopped,
  clearImmediate: stopped,
};
