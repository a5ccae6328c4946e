// The forms of handlers against the bench: `node --test` in this folder.
import assert from 'node:assert/strict';
import test from 'node:test';
import { batch, deadLetter, each, keyed, park, put, records, retry } from './index.js';
import { bench } from './testing.js';

const enrich = each((flight) => {
  if (flight.dest === 'park') throw park('later');
  if (flight.dest === 'busy') throw retry('busy', 'Throttled');
  if (flight.dest === 'bug') throw new TypeError('gate');
  if (!flight.dest) throw deadLetter('no dest');
  return flight.dep_delay > 30 ? { ...flight, late: true } : undefined;
});

test('what becomes of a record', () => {
  const cases = [
    ['{broken', 'dead-letter', 'BadJson'],
    ['{"dest":""}', 'dead-letter', 'DeadLetter'],
    ['{"dest":"park"}', 'park', 'Park'],
    ['{"dest":"busy"}', 'retry', 'Throttled'],
    ['{"dest":"bug"}', 'retry', 'TypeError'],
  ];
  for (const [data, action, kind] of cases) {
    assert.deepEqual(bench(enrich).put('JFK', data).failed.map((one) => [one.action, one.kind]), [[action, kind]], data);
  }
});

test('what is returned goes out under the same key', () => {
  const b = bench(enrich);
  b.put('JFK', { dest: 'LAX', dep_delay: 47 });
  b.put('JFK', { dest: 'LAX', dep_delay: 7 });
  assert.deepEqual(b.outputs().map((one) => [one.key, one.text()]), [['JFK', '{"dest":"LAX","dep_delay":47,"late":true}']]);
});

for (const [title, wrap] of [['', (value) => value], [', async too', (value) => Promise.resolve(value)]]) {
  test(`a failed record changes nothing and later ones of its key wait${title}`, async () => {
    const board = keyed(() => ({ flights: 0 }), (flight, state, out) => {
      state.flights++;
      if (flight.bad) throw deadLetter('bad');
      return wrap({ ...state });
    });
    const b = bench(board);
    const reply = await b.batch([['A', {}], ['A', { bad: 1 }], ['A', {}], ['B', {}]]);
    assert.deepEqual(reply.failed.map((one) => [one.index, one.action]), [[1, 'dead-letter'], [2, 'not-tried']]);
    assert.deepEqual([b.state('A'), b.state('B')], [{ flights: 1 }, { flights: 1 }]);
    assert.equal(b.outputs().length, 2);
    await b.put('A', {});
    assert.deepEqual(b.state('A'), { flights: 2 });
  });
}

test('a batch marks what failed', () => {
  const b = bench(batch((all, out) => {
    for (const record of all) {
      if (record.data.toString() === 'bad') out.deadLetter(record, 'bad');
      out.from(record).to('default', record.key, record.data);
    }
  }));
  assert.deepEqual(b.batch([['a', 'good'], ['b', 'bad']]).failed.map(({ index }) => index), [1]);
  assert.deepEqual(b.outputs().map((one) => one.text()), ['good']);
});

test('an ordinary handler runs on the bench too', async () => {
  const b = bench(async (event) => {
    records(event).forEach((_, index) => put(index, 'seen', '1'));
    return { statusCode: 200 };
  });
  assert.deepEqual((await b.put('k', 'x')).failed, []);
  assert.equal(b.state('k', 'seen'), 1);
});
