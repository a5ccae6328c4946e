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
    const known = this.get(name);
    this.set(name, known === null ? value : `${known}, ${value}`);
  }
  set(name, value) {
    this.#values.set(String(name).toLowerCase(), String(value).trim());
  }
  get(name) {
    return this.#values.get(String(name).toLowerCase()) ?? null;
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
    return this.has('set-cookie') ? this.get('set-cookie').split(/, (?=[^;,]+=)/) : [];
  }
  entries() {
    return this.#values.entries();
  }
  keys() {
    return this.#values.keys();
  }
  values() {
    return this.#values.values();
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

/** `ask` is what the host has; `bytesOf` makes bytes of a body. */
export function fetching(ask, { Buffer, Response }, bytesOf) {
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

  const sent = (url, { body: given = undefined, method = 'GET', redirect = 'follow', ...init }) => {
    const headers = new Headers(init.headers);
    const fields = typeof given === 'object' && given?.constructor?.name === 'URLSearchParams';
    const text = typeof given === 'string' || fields;
    if (text && !headers.has('content-type')) {
      headers.set('content-type', fields ? 'application/x-www-form-urlencoded;charset=UTF-8' : 'text/plain;charset=UTF-8');
    }
    const body = given == null ? new Uint8Array() : bytesOf(text ? String(given) : given);
    if (!headers.has('accept')) headers.set('accept', '*/*');
    return asked(url, { method: String(method).toUpperCase(), headers, body, redirect });
  };

  // A request carries what it is; what stands beside it counts more.
  const isRequest = (target) => typeof target?.arrayBuffer === 'function';
  return (target, init = {}) =>
    new globalThis.Promise((resolve) => {
      init.signal?.throwIfAborted?.();
      if (typeof init.body?.getReader === 'function' || typeof init.body?.pipe === 'function') {
        resolve(new Response(init.body).arrayBuffer().then((body) => sent(String(target?.href ?? target), { ...init, body })));
      } else if (!isRequest(target)) resolve(sent(String(target?.href ?? target), init));
      else {
        const { url, method, headers, redirect } = target;
        resolve(target.arrayBuffer().then((body) => sent(url, { method, headers, redirect, ...(method !== 'GET' && method !== 'HEAD' && { body }), ...init })));
      }
    });
}
