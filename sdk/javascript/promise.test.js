// A handler's promises settle while it is called, and what nobody listens to is told.
import assert from 'node:assert/strict';
import test from 'node:test';
import { AsyncLocalStorage, AsyncResource } from './following.js';
import { following, forget, globals, settle } from './promise.js';

const { Promise: Settling, setTimeout: wait, clearTimeout: stop } = globals;

/** Runs until the promise that `call` returns is settled. */
function run(call) {
  let told;
  forget();
  call().then((value) => (told = { value }), (error) => (told = { error }));
  return settle(() => told !== undefined) ? told : 'never';
}

test('a rejection that nobody listens to ends the invocation, as on Lambda', () => {
  const lost = () => {
    Settling.reject(new TypeError('lost'));
    return new Settling((resolve) => wait(resolve, 1));
  };
  assert.throws(() => run(lost), { name: 'Runtime.UnhandledPromiseRejection', message: 'TypeError: lost' });
  const caught = () => {
    const bad = Settling.reject(new Error('caught'));
    return new Settling((resolve) => wait(resolve, 1)).then(() => bad);
  };
  assert.throws(() => run(caught), { message: 'Error: caught' });
  const inTime = () => {
    const bad = Settling.reject(new Error('in time'));
    bad.catch(() => {});
    return Settling.allSettled([bad, Settling.reject(1)]);
  };
  assert.equal(run(inTime).value.length, 2);
});

test('values follow what a call waits for', () => {
  const storage = new AsyncLocalStorage();
  const seen = [];
  const told = run(() =>
    Settling.all([1, 2].map((one) =>
      storage.run(one, () => new Settling((resolve) => wait(resolve, 3 - one)).then(() => new Settling((resolve) => wait(resolve, 1))).then(() => seen.push(storage.getStore()))),
    )),
  );
  assert.deepEqual([told.value.length, seen.toSorted(), storage.getStore()], [2, [1, 2], undefined]);
  const bound = storage.run('held', () => AsyncResource.bind(() => storage.getStore()));
  assert.equal(bound(), 'held');
});

test('a timer may be unreferenced, renewed and used as a number', () => {
  const told = run(() => new Settling((resolve) => {
    const dropped = wait(() => resolve('dropped'), 1).unref();
    stop(Number(dropped));
    wait(resolve, 2, 'kept').ref().refresh();
  }));
  assert.deepEqual(told, { value: 'kept' });
});

test('a promise that takes another over belongs to the call that made it', () => {
  const { Promise } = globals;
  const seen = [];
  const lazy = { then: (done) => (seen.push(following.now), done()) };
  for (const name of ['a', 'b']) {
    following.now = name;
    Promise.resolve().then(() => lazy);
  }
  following.now = undefined;
  settle(() => seen.length === 2);
  assert.deepEqual(seen, ['a', 'b']);
  forget();
});
