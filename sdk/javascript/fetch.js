// `fetch` over what `network` grants: one request is asked as a whole, and there is nothing to wait for once the host has answered.

const REDIRECTS_MAX = 20;

/** Names in lower case, as Node's has them; several values of one name are one, with commas. */
export class Headers {
  #values = new Map();
  constructor(from = {}) {
    const pairs = typeof from[Symbol.iterator] === 'function' ? from : from.entries?.() ?? Object.entries(from);
    for (const [name, value] of pairs) this.append(name, value);
  }
  append(name, value) {
    const known = this.#values.get(String(name).toLowerCase()) ?? [];
    this.#values.set(String(name).toLowerCase(), [...known, String(value).trim()]);
  }
  set(name, value) {
    this.#values.set(String(name).toLowerCase(), [String(value).trim()]);
  }
  get(name) {
    return this.#values.get(String(name).toLowerCase())?.join(', ') ?? null;
  }
  has(name) {
    return this.#values.has(String(name).toLowerCase());
  }
  delete(name) {
    this.#values.delete(String(name).toLowerCase());
  }
  forEach(call) {
    for (const [name, value] of this) call(value, name, this);
  }
  getSetCookie() {
    // What came over the network may stand in one line.
    return (this.#values.get('set-cookie') ?? []).flatMap((one) => one.split(/, (?=[^;,]+=)/));
  }
  /** In the order of their names; cookies one by one. */
  entries() {
    const names = [...this.#values.keys()].sort();
    return names.flatMap((name) => (name === 'set-cookie' ? this.getSetCookie() : [this.get(name)]).map((value) => [name, value])).values();
  }
  keys() {
    return [...this.entries()].map(([name]) => name).values();
  }
  values() {
    return [...this.entries()].map(([, value]) => value).values();
  }
  [Symbol.iterator]() {
    return this.entries();
  }
}

/** The whole address that a redirect leads to. */
function from(base, place) {
  const [, scheme, authority, path] = /^([a-z]+:)\/\/([^/?#]*)([^?#]*)/i.exec(base);
  if (/^[a-z][a-z0-9+.-]*:/i.test(place)) return place;
  if (place.startsWith('//')) return scheme + place;
  if (place.startsWith('/')) return `${scheme}//${authority}${place}`;
  return `${scheme}//${authority}${path.replace(/[^/]*$/, '') || '/'}${place}`;
}

/** `ask` is what the host has. */
export function fetching(ask, { Buffer, Request, Response }) {
  const response = (url, { status, headers, body }, redirected) =>
    Object.assign(new Response(status === 204 || status === 304 ? null : Buffer.from(body), { status, headers }), { url, redirected, type: 'basic' });

  function asked(url, { method, headers, body, redirect }) {
    for (let redirects = 0; ; redirects++) {
      let answer;
      try {
        answer = ask({ method, url: url.replace(/#.*/, ''), headers: [...headers], body });
      } catch (refusal) {
        const cause = refusal?.payload ?? refusal?.message ?? String(refusal);
        throw Object.assign(new TypeError(`fetch failed: ${cause}, ${method} ${url}`), { cause });
      }
      const place = new Headers(answer.headers).get('location');
      if (redirect === 'manual' || place === null || ![301, 302, 303, 307, 308].includes(answer.status)) {
        return response(url, answer, redirects > 0);
      }
      if (redirect === 'error' || redirects === REDIRECTS_MAX) throw new TypeError(`fetch failed: redirected to ${place}, ${method} ${url}`);
      const next = from(url, place);
      // What was meant for one server is not told to another.
      if (from(url, '/') !== from(next, '/')) for (const name of ['authorization', 'cookie']) headers.delete(name);
      const asGet = answer.status === 303 || (answer.status < 303 && method === 'POST');
      if (asGet && method !== 'HEAD') {
        [method, body] = ['GET', new Uint8Array()];
        for (const name of ['content-type', 'content-encoding', 'content-language']) headers.delete(name);
      }
      url = next;
    }
  }

  // A request carries what it is; what stands beside it counts more.
  return (target, init = {}) =>
    new globalThis.Promise((resolve) => {
      const request = new Request(target, init);
      const { url, method, headers, redirect, signal } = request;
      if (!headers.has('accept')) headers.set('accept', '*/*');
      resolve(request.bytes().then((body) => {
        signal.throwIfAborted();
        return asked(url, { method, headers, body, redirect });
      }));
    });
}
