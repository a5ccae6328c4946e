// Numbers and dates are shown as Node shows them in English of the United States and in UTC.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Intl as Own } from './intl.js';

test('numbers', () => {
  const options = [
    undefined, { style: 'currency', currency: 'USD' }, { style: 'currency', currency: 'JPY' }, { style: 'currency', currency: 'CHF' }, { style: 'percent' }, { maximumFractionDigits: 1 },
    { minimumFractionDigits: 2 }, { minimumIntegerDigits: 2, useGrouping: false }, { style: 'percent', maximumFractionDigits: 2 }, { style: 'currency', currency: 'EUR', maximumFractionDigits: 0 },
  ];
  for (const one of options) {
    for (const value of [0, 1, -1, 12, 1234567.891, 0.5, -0.256, 999.995, 1e9, 123n]) {
      assert.equal(Own.NumberFormat('en-US', one).format(value), new Intl.NumberFormat('en-US', one).format(value), `${value} ${JSON.stringify(one)}`);
    }
  }
});

test('what is no number', () => assert.equal(Own.NumberFormat().format(NaN), 'NaN'));

test('dates', () => {
  const options = [
    {}, { year: 'numeric', month: 'long', day: 'numeric' }, { weekday: 'long', year: 'numeric', month: 'short', day: '2-digit' }, { month: '2-digit', day: '2-digit', year: 'numeric' },
    { hour: '2-digit', minute: '2-digit' }, { hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false }, { dateStyle: 'full', timeStyle: 'long' }, { dateStyle: 'medium' },
    { dateStyle: 'short', timeStyle: 'short' }, { month: 'short', day: 'numeric' }, { month: 'long', year: 'numeric' }, { weekday: 'short' }, { year: 'numeric' }, { timeStyle: 'medium' },
    { year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric' }, { hour: 'numeric' }, { month: 'long', day: 'numeric', hour: 'numeric', minute: '2-digit' },
    { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }, { weekday: 'long', hour: 'numeric' }, { day: 'numeric' },
  ];
  for (const one of options) {
    for (const at of ['2024-05-01T10:07:09Z', '1999-12-31T00:00:00Z', '2024-02-29T23:59:59.123Z']) {
      const all = { timeZone: 'UTC', ...one };
      assert.equal(Own.DateTimeFormat('en-US', all).format(new Date(at)), new Intl.DateTimeFormat('en-US', all).format(new Date(at)), `${at} ${JSON.stringify(one)}`);
    }
  }
  assert.throws(() => new Own.DateTimeFormat('en-US', { timeZone: 'Asia/Tokyo' }), /Invalid time zone specified: Asia\/Tokyo; a sandbox knows UTC/);
  assert.equal(new Own.PluralRules('en', { type: 'ordinal' }).select(22), 'two');
});
