// Numbers and dates are shown as Node shows them in English of the United States and in UTC.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Intl as Own, localize } from './intl.js';

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

test('amounts are rounded as they are read', () => {
  const options = [{ style: 'currency', currency: 'USD' }, { style: 'percent', maximumFractionDigits: 1 }, { maximumFractionDigits: 0 }, { maximumFractionDigits: 1 }, { style: 'currency', currency: 'usd', currencyDisplay: 'code' }, { useGrouping: undefined }];
  const values = [1.005, 2.675, 0.0715, 8.345, 1.45, 0.5, 2.5, -0.005, -0, 99999.995, 1e21, 1e-7, 5e-324, 1.7976931348623157e308, 12345678901234567890n, '1.0005', null];
  for (const one of options) for (const value of values) assert.equal(Own.NumberFormat('en-US', one).format(value), new Intl.NumberFormat('en-US', one).format(value), `${value} ${JSON.stringify(one)}`);
  assert.equal(Own.NumberFormat('en-US', options[0]).format(1.005), '$1.01');
  for (const digits of [{ maximumFractionDigits: 101 }, { minimumFractionDigits: -1 }, { minimumIntegerDigits: 0 }]) assert.throws(() => Own.NumberFormat('en-US', digits), /RangeError: \w+ value is out of range/);
});

test('options that are not there are refused', () => {
  const numbers = [{ notation: 'compact' }, { maximumSignificantDigits: 2 }, { signDisplay: 'always' }, { style: 'unit', unit: 'meter' }, { useGrouping: 'min2' }, { style: 'currency', currency: 'USD', currencyDisplay: 'name' }];
  for (const one of numbers) assert.throws(() => Own.NumberFormat('en-US', one), /^RangeError: Intl\.NumberFormat: \w+ \w+ is not there in a sandbox/);
  for (const one of [{ era: 'short' }, { dayPeriod: 'long' }, { calendar: 'buddhist' }, { timeZoneName: 'shortOffset' }]) assert.throws(() => Own.DateTimeFormat('en-US', one), /^RangeError: Intl\.DateTimeFormat: \w+ \w+ is not there in a sandbox/);
  assert.throws(() => Own.NumberFormat('en-US', { notation: 'compact' }), { message: 'Intl.NumberFormat: notation compact is not there in a sandbox, standard is' });
  const usual = { notation: 'standard', signDisplay: 'auto', useGrouping: 'always', unit: 'meter', roundingMode: 'halfExpand', numberingSystem: 'latn' };
  assert.equal(Own.NumberFormat('en-US', usual).format(1234.5), '1,234.5');
});

/** Every date in every way, or how it is refused. */
function dates() {
  const options = [
    {}, { hour: '2-digit' }, { hour: '2-digit', minute: '2-digit' }, { minute: 'numeric' }, { timeZoneName: 'short' }, { year: 'numeric' }, { month: 'long' }, { weekday: 'long' }, { hour12: false }, { fractionalSecondDigits: 3 },
    { dateStyle: 'short' }, { timeStyle: 'short' }, { weekday: 'short', hour: 'numeric' }, { month: 'long', day: 'numeric', year: 'numeric', hour12: false }, { dateStyle: 'short', hour: 'numeric' }, { dateStyle: 'full', timeStyle: 'short' },
  ];
  return options.flatMap((one) => ['toLocaleString', 'toLocaleDateString', 'toLocaleTimeString'].map((name) => {
    try {
      return [name, one, new Date('2024-05-01T10:07:09.123Z')[name]('en-US', { timeZone: 'UTC', ...one })];
    } catch (error) {
      return [name, one, String(error)];
    }
  }));
}

test('dates and times of day show themselves', () => {
  const kinds = [Date.prototype, Number.prototype, BigInt.prototype];
  const before = kinds.map((kind) => Object.getOwnPropertyDescriptors(kind));
  const nodes = dates();
  localize();
  const own = dates();
  kinds.forEach((kind, at) => ['toLocaleString', 'toLocaleDateString', 'toLocaleTimeString'].forEach((name) => before[at][name] && Object.defineProperty(kind, name, before[at][name])));
  assert.deepEqual(own, nodes);
});
