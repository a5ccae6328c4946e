// `URL` and `URLSearchParams` as browsers have them, and Node's `querystring`, for addresses of the web.

import { path as paths } from './path.js';

const { resolve } = paths;
const PORTS = { 'http:': '80', 'https:': '443', 'ws:': '80', 'wss:': '443', 'ftp:': '21' };
const encoded = (value) => encodeURIComponent(value).replace(/%20/g, '+').replace(/[!'()~]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`);

function decoded(value) {
  const plain = value.replace(/\+/g, ' ');
  try {
    return decodeURIComponent(plain);
  } catch {
    return plain;
  }
}

const pairs = (text) => text.split('&').filter(Boolean).map((pair) => {
  const at = pair.indexOf('=');
  return at < 0 ? [decoded(pair), ''] : [decoded(pair.slice(0, at)), decoded(pair.slice(at + 1))];
});

export class URLSearchParams {
  #pairs;
  #changed;
  constructor(from = '', changed = () => {}) {
    if (typeof from === 'string') this.#pairs = pairs(from.replace(/^\?/, ''));
    else this.#pairs = (typeof from?.[Symbol.iterator] === 'function' ? [...from] : Object.entries(from ?? {})).map(([name, value]) => [String(name), String(value)]);
    this.#changed = changed;
  }
  get size() { return this.#pairs.length; }
  get(name) { return this.#pairs.find(([own]) => own === name)?.[1] ?? null; }
  getAll(name) { return this.#pairs.filter(([own]) => own === name).map(([, value]) => value); }
  has(name) { return this.#pairs.some(([own]) => own === name); }
  append(name, value) {
    this.#pairs.push([String(name), String(value)]);
    this.#changed();
  }
  set(name, value) {
    const known = this.#pairs.find(([own]) => own === name);
    if (!known) return this.append(name, value);
    known[1] = String(value);
    this.#pairs = this.#pairs.filter((pair) => pair === known || pair[0] !== name);
    this.#changed();
  }
  delete(name) {
    this.#pairs = this.#pairs.filter(([own]) => own !== name);
    this.#changed();
  }
  sort() {
    this.#pairs.sort(([one], [other]) => (one < other ? -1 : one > other ? 1 : 0));
    this.#changed();
  }
  forEach(call) { for (const [name, value] of this) call(value, name, this); }
  keys() { return this.#pairs.map(([name]) => name).values(); }
  values() { return this.#pairs.map(([, value]) => value).values(); }
  entries() { return this.#pairs.map((pair) => [...pair]).values(); }
  [Symbol.iterator]() { return this.entries(); }
  toString() { return this.#pairs.map((pair) => pair.map(encoded).join('=')).join('&'); }
}

const escaped = (value, left) => value.replace(left, (one) => encodeURIComponent(one.toWellFormed()));
const OF_PATHS = /[^!-~]+|["<>`{}^]/gu;
const OF_QUERIES = /[^!-~]+|["<>']/gu;

function straight(path) {
  const parts = [];
  for (const part of path.split('/').slice(1)) {
    if (part === '..') parts.pop();
    else if (part !== '.') parts.push(part);
  }
  return `/${parts.join('/')}${/\/\.\.?$/.test(path) && parts.length > 0 ? '/' : ''}`;
}

export class URL {
  #search = '';
  #params;
  constructor(text, base) {
    const whole = String(text).trim();
    const parts = /^([a-z][a-z0-9+.-]*:)(?:\/\/(?:([^/?#@]*)@)?([^/?#]*))?([^?#]*)(\?[^#]*)?(#.*)?$/i.exec(whole);
    if (!parts) {
      if (base === undefined) throw Object.assign(new TypeError('Invalid URL'), { code: 'ERR_INVALID_URL', input: whole });
      return new URL(from(new URL(base), whole));
    }
    const [, protocol, user = '', host = '', path, search = '', hash = ''] = parts;
    this.protocol = protocol.toLowerCase();
    [this.username, this.password = ''] = user.split(/:(.*)/s);
    const [, name, port = ''] = /^(\[[^\]]*\]|[^:]*)(?::(\d*))?$/.exec(host) ?? [];
    const isWeb = this.protocol in PORTS;
    if (name === undefined || Number(port) > 65535 || (isWeb && name === '')) {
      throw Object.assign(new TypeError('Invalid URL'), { code: 'ERR_INVALID_URL', input: whole });
    }
    this.hostname = name.toLowerCase();
    this.port = port === PORTS[this.protocol] ? '' : port;
    this.pathname = isWeb || this.protocol === 'file:' ? straight(escaped(path || '/', OF_PATHS)) : path;
    this.hash = hash === '#' ? '' : escaped(hash, OF_PATHS);
    this.search = search;
  }
  static canParse(text, base) {
    try {
      return Boolean(new URL(text, base));
    } catch {
      return false;
    }
  }
  get search() { return this.#search; }
  set search(value) {
    const plain = escaped(String(value).replace(/^\?/, ''), OF_QUERIES);
    this.#search = plain && `?${plain}`;
    this.#params = undefined;
  }
  get searchParams() {
    return (this.#params ??= new URLSearchParams(this.#search, () => {
      const text = String(this.#params);
      this.#search = text && `?${text}`;
    }));
  }
  get host() { return this.hostname + (this.port && `:${this.port}`); }
  get origin() { return this.protocol in PORTS ? `${this.protocol}//${this.host}` : 'null'; }
  get href() {
    const user = this.username && `${this.username}${this.password && `:${this.password}`}@`;
    const authority = this.hostname || this.protocol in PORTS || this.protocol === 'file:' ? `//${user}${this.host}` : '';
    return `${this.protocol}${authority}${this.pathname}${this.search}${this.hash}`;
  }
  toString() { return this.href; }
  toJSON() { return this.href; }
}

/** The whole address that `place` means beside another. */
function from(base, place) {
  if (place.startsWith('//')) return base.protocol + place;
  const user = base.username && `${base.username}${base.password && `:${base.password}`}@`;
  const root = base.protocol === 'file:' ? `file://${base.host}` : base.origin.replace('//', `//${user}`);
  if (place.startsWith('/')) return root + place;
  if (place.startsWith('?')) return root + base.pathname + place;
  if (place.startsWith('#') || place === '') return root + base.pathname + base.search + place;
  return root + base.pathname.replace(/[^/]*$/, '') + place;
}

export const querystring = {
  escape: encodeURIComponent,
  unescape: decoded,
  parse(text) {
    const found = Object.create(null);
    for (const [name, value] of pairs(String(text))) found[name] = name in found ? [found[name], value].flat() : value;
    return found;
  },
  stringify: (values = {}) => Object.entries(values).flatMap(([name, value]) =>
    [value].flat().map((one) => `${encodeURIComponent(name)}=${encodeURIComponent(one ?? '')}`)).join('&'),
};
Object.assign(querystring, { decode: querystring.parse, encode: querystring.stringify });

/** Node's module: the classes, and `parse` as it was before them. */
export const url = {
  URL, URLSearchParams,
  parse(text, asQuery) {
    const isWhole = URL.canParse(text);
    const known = new URL(text, 'http://there');
    const query = known.search.slice(1) || null;
    // The port is told even where it is the usual one.
    const port = /^[^/]*\/\/[^/?#]*:(\d+)(?=[/?#]|$)/.exec(text)?.[1] ?? null;
    const auth = known.username && decodeURIComponent(known.username + (known.password && `:${known.password}`));
    const place = isWhole ? { protocol: known.protocol, host: known.hostname + (port ? `:${port}` : ''), hostname: known.hostname, port, href: known.href, auth: auth || null }
      : { protocol: null, host: null, hostname: null, port: null, href: String(text), auth: null };
    return { ...place, pathname: known.pathname, search: known.search || null, path: known.pathname + known.search, hash: known.hash || null, query: asQuery ? querystring.parse(query ?? '') : query };
  },
  /** Of parts, such as `parse` gives. */
  format(value) {
    if (typeof value === 'string' || typeof value?.href === 'string') return String(value.href ?? value);
    const { protocol = '', auth, hostname, port, pathname = '', query, search, hash = '', slashes } = value;
    const host = value.host ?? (hostname ? `${hostname}${port ? `:${port}` : ''}` : '');
    const scheme = protocol && !protocol.endsWith(':') ? `${protocol}:` : protocol ?? '';
    const asked = search ?? (typeof query === 'object' && query !== null ? querystring.stringify(query) : query ?? '');
    const begun = (text, mark) => (text && !text.startsWith(mark) ? mark + text : text ?? '');
    const authority = host && (slashes || `${scheme.slice(0, -1)}:` in PORTS) ? `//${auth ? `${auth}@` : ''}${host}` : host;
    return `${scheme}${authority}${host ? begun(pathname ?? '', '/') : pathname ?? ''}${begun(asked, '?')}${begun(hash, '#')}`;
  },
  resolve(base, place) {
    const isWhole = URL.canParse(base);
    const known = new URL(place, new URL(base, 'http://there'));
    return isWhole || known.host !== 'there' ? known.href : known.pathname + known.search + known.hash;
  },
  domainToASCII: (domain) => domain,
  domainToUnicode: (domain) => domain,
  fileURLToPath(value) {
    const known = new URL(value);
    if (known.protocol !== 'file:') throw Object.assign(new TypeError('The URL must be of scheme file'), { code: 'ERR_INVALID_URL_SCHEME' });
    return decodeURIComponent(known.pathname);
  },
  pathToFileURL: (value) => new URL(`file://${encodeURI(resolve(String(value))).replace(/[?#]/g, encodeURIComponent)}`),
};
