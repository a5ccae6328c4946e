// `Intl` as of a system that knows one language, English of the United States, and one time zone, UTC: others fall back to the language, as
// the standard has it, and time zones are refused.

const MONTHS = 'January February March April May June July August September October November December'.split(' ');
const DAYS = 'Sunday Monday Tuesday Wednesday Thursday Friday Saturday'.split(' ');
const SIGNS = { USD: '$', EUR: '€', GBP: '£', JPY: '¥', INR: '₹', CNY: 'CN¥', KRW: '₩', BRL: 'R$', CAD: 'CA$', AUD: 'A$', MXN: 'MX$', ILS: '₪', VND: '₫', NZD: 'NZ$' };
const WHOLE = ['JPY', 'KRW', 'VND', 'CLP', 'ISK'];
const UTC = ['UTC', 'GMT', 'ETC/UTC', 'ETC/GMT', 'ETC/UCT', 'UCT', 'ZULU', 'UNIVERSAL'];

const grouped = (digits) => digits.replace(/\B(?=(\d{3})+$)/g, ',');

/** Options of which only what stands here is there; another value would be ignored and give something wrong. */
const ONLY = {
  notation: ['standard'], signDisplay: ['auto'], numberingSystem: ['latn'], roundingMode: ['halfExpand'],
  roundingPriority: ['auto'], roundingIncrement: [1], trailingZeroDisplay: ['auto'], minimumSignificantDigits: [], maximumSignificantDigits: [],
  style: ['decimal', 'percent', 'currency'], useGrouping: [true, false, 'auto', 'always', 'true', 'false'],
};
const ONLY_OF_MONEY = { currencyDisplay: ['symbol', 'code'], currencySign: ['standard'] };
const ONLY_OF_DATES = { calendar: ['gregory'], numberingSystem: ['latn'], era: [], dayPeriod: [], timeZoneName: ['short', 'long'], hourCycle: ['h12', 'h23'] };

function checkOptions(kind, options, only) {
  for (const [name, there] of Object.entries(only)) {
    const value = options[name];
    if (value === undefined || there.includes(value)) continue;
    const known = there.length > 0 ? `, ${[...new Set(there.map(String))].join(', ')} ${there.length === 1 ? 'is' : 'are'}` : '';
    throw new RangeError(`Intl.${kind}: ${name} ${String(value)} is not there in a sandbox${known}`);
  }
}

/** A number of digits that an option names. */
function countOf(options, name, least, otherwise) {
  if (options[name] === undefined) return otherwise;
  const count = Math.floor(options[name]);
  if (!(count >= least && count <= (name === 'minimumIntegerDigits' ? 21 : 100))) throw new RangeError(`${name} value is out of range.`);
  return count;
}

/** The digits before and behind the point: those of the shortest text of a number, which is what people read, and a half goes away from zero. */
function rounded(size, shift, most) {
  const [, whole, rest = '', power = 0] = /^(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(String(size));
  const digits = whole + rest;
  const kept = whole.length + Number(power) + shift + most;
  const cut = kept < 0 ? 0n : BigInt(digits.slice(0, kept).padEnd(kept, '0')) + (digits[kept] >= '5' ? 1n : 0n);
  const shown = String(cut).padStart(most + 1, '0');
  return [shown.slice(0, shown.length - most), shown.slice(shown.length - most)];
}

class NumberFormat {
  #options;
  constructor(_, options = {}) {
    checkOptions('NumberFormat', options, ONLY);
    const { style = 'decimal' } = options;
    const currency = options.currency && String(options.currency).toUpperCase();
    if (style === 'currency') checkOptions('NumberFormat', options, ONLY_OF_MONEY);
    if (style === 'currency' && !currency) throw new TypeError('Currency code is required with currency style.');
    const own = style === 'currency' ? (WHOLE.includes(currency) ? 0 : 2) : 0;
    const least = countOf(options, 'minimumFractionDigits', 0, Math.min(own, options.maximumFractionDigits ?? own));
    const most = countOf(options, 'maximumFractionDigits', 0, Math.max(least, style === 'decimal' ? 3 : own));
    if (most < least) throw new RangeError('maximumFractionDigits value is out of range.');
    const minimumIntegerDigits = countOf(options, 'minimumIntegerDigits', 1, 1);
    this.#options = { ...options, ...(currency && { currency }), minimumIntegerDigits, useGrouping: options.useGrouping ?? true, style, least, most };
    this.format = (value) => this.#shown(value);
  }
  #shown(value) {
    const { style, least, most, useGrouping, minimumIntegerDigits } = this.#options;
    const number = typeof value === 'bigint' ? value : Number(value);
    const sign = number < 0 || Object.is(number, -0) ? '-' : '';
    const size = number < 0 ? -number : number;
    if (size === Infinity || Number.isNaN(size)) return this.#signed(sign, size === Infinity ? '∞' : 'NaN');
    let [whole, rest] = rounded(Object.is(size, -0) ? 0 : size, style === 'percent' ? 2 : 0, most);
    while (rest.length > least && rest.endsWith('0')) rest = rest.slice(0, -1);
    whole = whole.padStart(minimumIntegerDigits, '0');
    const digits = (useGrouping ? grouped(whole) : whole) + (rest.padEnd(least, '0') && `.${rest.padEnd(least, '0')}`);
    return this.#signed(sign, digits);
  }
  #signed(sign, digits) {
    const { style, currency, currencyDisplay } = this.#options;
    if (style === 'percent') return `${sign}${digits}%`;
    if (style !== 'currency') return sign + digits;
    const symbol = currencyDisplay === 'code' ? undefined : SIGNS[currency];
    return `${sign}${symbol ?? `${currency}\u00a0`}${digits}`;
  }
  formatToParts(value) { return [{ type: 'literal', value: this.format(value) }]; }
  resolvedOptions() {
    const { least, most, ...rest } = this.#options;
    return { locale: 'en-US', numberingSystem: 'latn', ...rest, minimumFractionDigits: least, maximumFractionDigits: most };
  }
}

const STYLES = {
  full: { weekday: 'long', year: 'numeric', month: 'long', day: 'numeric' }, long: { year: 'numeric', month: 'long', day: 'numeric' },
  medium: { year: 'numeric', month: 'short', day: 'numeric' }, short: { year: '2-digit', month: 'numeric', day: 'numeric' },
};
const TIMES = { full: { timeZoneName: 'long' }, long: { timeZoneName: 'short' }, medium: {}, short: { second: undefined } };
const CLOCK = { hour: 'numeric', minute: '2-digit', second: '2-digit' };
const DATE_PARTS = ['weekday', 'year', 'month', 'day'];
const TIME_PARTS = ['hour', 'minute', 'second', 'fractionalSecondDigits'];

const ANY_PARTS = [...DATE_PARTS, ...TIME_PARTS];

function checkStyles(options, parts) {
  if (parts === TIME_PARTS && options.dateStyle) throw new TypeError('Invalid option : dateStyle');
  if (parts === DATE_PARTS && options.timeStyle) throw new TypeError('Invalid option : timeStyle');
  const own = ANY_PARTS.find((part) => options[part] !== undefined);
  if (own) throw new TypeError(`Can't set option ${own} when ${options.dateStyle ? 'dateStyle' : 'timeStyle'} is used`);
}

/** What is shown: `otherwise` too where none of the parts is asked for. */
function wanted(options, otherwise, parts) {
  const { dateStyle, timeStyle } = options;
  if (dateStyle || timeStyle) {
    checkStyles(options, parts);
    return { ...options, ...STYLES[dateStyle], ...(timeStyle && { ...CLOCK, ...TIMES[timeStyle] }) };
  }
  return parts.some((part) => options[part] !== undefined) ? options : { ...options, ...otherwise };
}

const SHORT_DATE = { year: 'numeric', month: 'numeric', day: 'numeric' };

class DateTimeFormat {
  #options;
  constructor(_, options = {}, otherwise = SHORT_DATE, parts = ANY_PARTS) {
    checkOptions('DateTimeFormat', options, ONLY_OF_DATES);
    const zone = options.timeZone ?? 'UTC';
    if (!UTC.includes(String(zone).toUpperCase())) throw new RangeError(`Invalid time zone specified: ${zone}; a sandbox knows UTC`);
    this.#options = wanted(options, otherwise, parts);
    this.format = (value) => this.formatToParts(value).map((part) => part.value).join('');
  }
  formatToParts(value = Date.now()) {
    const at = new Date(value);
    if (Number.isNaN(at.getTime())) throw new RangeError('Invalid time value');
    const [date, time] = [dateOf(at, this.#options), timeOf(at, this.#options)];
    const { month, day, year } = this.#options;
    const between = month === 'long' ? ' at ' : month ?? day ?? year ? ', ' : ' ';
    return [...date, ...(date.length > 0 && time.length > 0 ? [literal(between)] : []), ...time];
  }
  resolvedOptions() { return { locale: 'en-US', calendar: 'gregory', numberingSystem: 'latn', timeZone: 'UTC', ...this.#options }; }
}

const literal = (value) => ({ type: 'literal', value });
const two = (number) => String(number).padStart(2, '0');
const numeric = (number, how) => (how === '2-digit' ? two(number % 100) : String(number));
const named = (names, index, how) => (how === 'long' ? names[index] : how === 'short' ? names[index].slice(0, 3) : names[index][0]);

/** Parts with what stands between them; what is not wanted is left out with it. */
function joined(parts) {
  const there = parts.filter(([, value]) => value !== undefined);
  return there.flatMap(([type, value, before], at) => [...(at > 0 ? [literal(before)] : []), { type, value }]);
}

function dateOf(at, { weekday, year, month, day }) {
  const isNamed = month !== undefined && month !== 'numeric' && month !== '2-digit';
  const between = isNamed ? [', ', ' ', day === undefined ? ' ' : ', '] : [', ', '/', '/'];
  return joined([
    ['weekday', weekday && named(DAYS, at.getUTCDay(), weekday), ''],
    ['month', month && (isNamed ? named(MONTHS, at.getUTCMonth(), month) : numeric(at.getUTCMonth() + 1, month)), between[0]],
    ['day', day && numeric(at.getUTCDate(), day), month === undefined ? ' ' : between[1]],
    ['year', year && numeric(at.getUTCFullYear(), year), between[2]],
  ]);
}

function timeOf(at, { hour, minute, second, fractionalSecondDigits: rest, hour12, hourCycle, timeZoneName }) {
  const isHalf = hour12 ?? !/^h2/.test(hourCycle ?? 'h12');
  const hours = at.getUTCHours();
  const shown = isHalf ? hours % 12 || 12 : hour12 === false && hours === 0 ? 24 : hours;
  const isLong = minute !== undefined || second !== undefined;
  const parts = joined([
    ['hour', hour && (hour === '2-digit' || (!isHalf && isLong) ? two(shown) : String(shown)), ''],
    ['minute', minute && (hour || second ? two(at.getUTCMinutes()) : String(at.getUTCMinutes())), ':'],
    ['second', second && (minute ? two(at.getUTCSeconds()) : String(at.getUTCSeconds())), ':'],
    ['fractionalSecond', rest && String(at.getUTCMilliseconds()).padStart(3, '0').slice(0, rest), '.'],
  ]);
  if (hour !== undefined && isHalf) parts.push(literal(' '), { type: 'dayPeriod', value: hours < 12 ? 'AM' : 'PM' });
  if (timeZoneName) parts.push(...(parts.length > 0 ? [literal(' ')] : []), { type: 'timeZoneName', value: timeZoneName === 'long' ? 'Coordinated Universal Time' : 'UTC' });
  return parts;
}

class Collator {
  compare = (one, other) => String(one).localeCompare(String(other));
  resolvedOptions() { return { locale: 'en-US' }; }
}

class PluralRules {
  constructor(_, options = {}) {
    this.type = options.type ?? 'cardinal';
  }
  select(number) {
    if (this.type === 'cardinal') return number === 1 ? 'one' : 'other';
    const [last, lasts] = [number % 10, number % 100];
    return last === 1 && lasts !== 11 ? 'one' : last === 2 && lasts !== 12 ? 'two' : last === 3 && lasts !== 13 ? 'few' : 'other';
  }
}

export const Intl = { NumberFormat, DateTimeFormat, Collator, PluralRules, getCanonicalLocales: (names) => [names ?? []].flat(), supportedValuesOf: () => [] };
for (const kind of [NumberFormat, DateTimeFormat, Collator, PluralRules]) kind.supportedLocalesOf = (names) => [names].flat().filter((name) => /^en/i.test(name));
// Both may be called without `new`.
for (const name of ['NumberFormat', 'DateTimeFormat']) {
  const Kind = Intl[name];
  Intl[name] = Object.assign(function (...values) { return new Kind(...values); }, { supportedLocalesOf: Kind.supportedLocalesOf });
  Intl[name].prototype = Kind.prototype;
}

/** What numbers and dates say of themselves. */
export function localize() {
  const show = (otherwise, parts) => function (_, given = {}) {
    return Number.isNaN(this.getTime()) ? 'Invalid Date' : new DateTimeFormat('en-US', given, otherwise, parts).format(this);
  };
  const methods = [
    [Number.prototype, { toLocaleString(_, options) { return new NumberFormat('en-US', options).format(this.valueOf()); } }],
    [BigInt.prototype, { toLocaleString(_, options) { return new NumberFormat('en-US', options).format(this.valueOf()); } }],
    [Date.prototype, { toLocaleString: show({ ...SHORT_DATE, ...CLOCK }, ANY_PARTS), toLocaleDateString: show(SHORT_DATE, DATE_PARTS), toLocaleTimeString: show(CLOCK, TIME_PARTS) }],
  ];
  for (const [kind, own] of methods) {
    for (const [name, value] of Object.entries(own)) Object.defineProperty(kind, name, { value, writable: true, configurable: true });
  }
}
