// `Intl` as of a system that knows one language, English of the United States, and one time zone, UTC: others fall back to the language, as
// the standard has it, and time zones are refused.

const MONTHS = 'January February March April May June July August September October November December'.split(' ');
const DAYS = 'Sunday Monday Tuesday Wednesday Thursday Friday Saturday'.split(' ');
const SIGNS = { USD: '$', EUR: '€', GBP: '£', JPY: '¥', INR: '₹', CNY: 'CN¥', KRW: '₩', BRL: 'R$', CAD: 'CA$', AUD: 'A$', MXN: 'MX$', ILS: '₪', VND: '₫', NZD: 'NZ$' };
const WHOLE = ['JPY', 'KRW', 'VND', 'CLP', 'ISK'];
const UTC = ['UTC', 'GMT', 'ETC/UTC', 'ETC/GMT', 'ETC/UCT', 'UCT', 'ZULU', 'UNIVERSAL'];

const grouped = (digits) => digits.replace(/\B(?=(\d{3})+$)/g, ',');

class NumberFormat {
  #options;
  constructor(_, options = {}) {
    const { style = 'decimal', currency } = options;
    if (style === 'currency' && !currency) throw new TypeError('Currency code is required with currency style.');
    const own = style === 'currency' ? (WHOLE.includes(currency) ? 0 : 2) : 0;
    const { minimumFractionDigits: least = Math.min(own, options.maximumFractionDigits ?? own), maximumFractionDigits: most = Math.max(least, style === 'decimal' ? 3 : own) } = options;
    if (most < least) throw new RangeError('maximumFractionDigits value is out of range.');
    this.#options = { minimumIntegerDigits: 1, useGrouping: true, ...options, style, least, most };
    this.format = (value) => this.#shown(value);
  }
  #shown(value) {
    const { style, least, most, useGrouping, minimumIntegerDigits } = this.#options;
    const number = typeof value === 'bigint' ? value : Number(value);
    const sign = number < 0 || Object.is(number, -0) ? '-' : '';
    const size = typeof number === 'bigint' ? (number < 0n ? -number : number) * (style === 'percent' ? 100n : 1n) : Math.abs(number) * (style === 'percent' ? 100 : 1);
    let [whole, rest = ''] = size === Infinity ? ['∞'] : Number.isNaN(size) ? ['NaN'] : typeof size === 'bigint' ? [String(size)] : size.toFixed(most).split('.');
    if (!/^\d/.test(whole)) return this.#signed(sign, whole);
    while (rest.length > least && rest.endsWith('0')) rest = rest.slice(0, -1);
    whole = whole.padStart(minimumIntegerDigits, '0');
    const digits = (useGrouping ? grouped(whole) : whole) + (rest.padEnd(least, '0') && `.${rest.padEnd(least, '0')}`);
    return this.#signed(sign, digits);
  }
  #signed(sign, digits) {
    const { style, currency } = this.#options;
    if (style === 'percent') return `${sign}${digits}%`;
    return style === 'currency' ? `${sign}${SIGNS[currency] ?? `${currency}\u00a0`}${digits}` : sign + digits;
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

/** What is shown where nothing says so. */
function wanted(options, otherwise) {
  const { dateStyle, timeStyle } = options;
  if (dateStyle || timeStyle) return { ...options, ...STYLES[dateStyle], ...(timeStyle && { ...CLOCK, ...TIMES[timeStyle] }) };
  if ([...DATE_PARTS, ...TIME_PARTS].some((part) => options[part] !== undefined)) return options;
  return { ...options, ...otherwise };
}

const SHORT_DATE = { year: 'numeric', month: 'numeric', day: 'numeric' };

class DateTimeFormat {
  #options;
  constructor(_, options = {}, otherwise = SHORT_DATE) {
    const zone = options.timeZone ?? 'UTC';
    if (!UTC.includes(String(zone).toUpperCase())) throw new RangeError(`Invalid time zone specified: ${zone}; a sandbox knows UTC`);
    this.#options = wanted(options, otherwise);
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
  if (timeZoneName) parts.push(literal(' '), { type: 'timeZoneName', value: timeZoneName === 'long' ? 'Coordinated Universal Time' : 'UTC' });
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
  const show = (otherwise) => function (_, given = {}) {
    return Number.isNaN(this.getTime()) ? 'Invalid Date' : new DateTimeFormat('en-US', given, otherwise).format(this);
  };
  const methods = [
    [Number.prototype, { toLocaleString(_, options) { return new NumberFormat('en-US', options).format(this.valueOf()); } }],
    [BigInt.prototype, { toLocaleString(_, options) { return new NumberFormat('en-US', options).format(this.valueOf()); } }],
    [Date.prototype, { toLocaleString: show({ ...SHORT_DATE, ...CLOCK }), toLocaleDateString: show(SHORT_DATE), toLocaleTimeString: show(CLOCK) }],
  ];
  for (const [kind, own] of methods) {
    for (const [name, value] of Object.entries(own)) Object.defineProperty(kind, name, { value, writable: true, configurable: true });
  }
}
