// What handlers expect of Node and QuickJS does not have: globals and modules, put in place when a sandbox starts. What needs threads or
// processes is not there at all; each module stands in a file of its own.

import { unavailable } from './absent.js';
import { Buffer } from './buffer.js';
import { READ, SHOWN, text, utf8 } from './coding.js';
import { Console, consoleOf } from './console.js';
import { cryptography } from './crypto.js';
import { StringDecoder } from './decoder.js';
import { assert, events, own as signals } from './events.js';
import { asyncHooks, diagnostics } from './following.js';
import { Blob, File, FormData } from './forms.js';
import { clients } from './http.js';
import { readline } from './lines.js';
import { path } from './path.js';
import { stream } from './pipelines.js';
import { Writable } from './streams.js';
import { timers } from './timers.js';
import { URL, URLSearchParams, querystring, url } from './url.js';
import { promisedTimers, shown, structuredClone, util } from './util.js';
import { ReadableStream, Request, Response } from './web.js';
import { zlib } from './zlib.js';

class TextEncoder {
  encoding = 'utf-8';
  encode(value = '') {
    return utf8(value);
  }
  encodeInto(value, target) {
    let [read, written] = [0, 0];
    for (const one of value) {
      const bytes = utf8(one);
      if (written + bytes.length > target.length) break;
      target.set(bytes, written);
      [read, written] = [read + one.length, written + bytes.length];
    }
    return { read, written };
  }
}

/** By what the names mean that are not those of Node. */
const LABELS = { utf8: 'utf-8', 'unicode-1-1-utf-8': 'utf-8', 'utf-16': 'utf-16le', ascii: 'windows-1252', 'us-ascii': 'windows-1252', latin1: 'windows-1252', 'iso-8859-1': 'windows-1252' };
const DECODED = { 'utf-8': 'utf8', 'utf-16le': 'utf16le', 'windows-1252': 'latin1' };

class TextDecoder {
  #decoder;
  constructor(label = 'utf-8', options) {
    const name = String(label).trim().toLowerCase();
    this.encoding = LABELS[name] ?? name;
    if (!DECODED[this.encoding]) throw Object.assign(new RangeError(`The "${label}" encoding is not supported`), { code: 'ERR_ENCODING_NOT_SUPPORTED' });
    this.fatal = Boolean(options?.fatal);
    this.ignoreBOM = Boolean(options?.ignoreBOM);
  }
  decode(bytes = new Uint8Array(), options) {
    const whole = ArrayBuffer.isView(bytes) ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength) : new Uint8Array(bytes);
    const isPlain = this.encoding === 'utf-8' && !options?.stream && !this.#decoder;
    const told = isPlain ? text(whole) : this.#part(whole, options?.stream);
    if (this.fatal && this.encoding === 'utf-8' && told.includes('\ufffd') && !isSame(utf8(told), whole)) {
      throw Object.assign(new TypeError(`The encoded data was not valid for encoding ${this.encoding}`), { code: 'ERR_ENCODING_INVALID_ENCODED_DATA' });
    }
    return this.ignoreBOM || told[0] !== '\ufeff' ? told : told.slice(1);
  }
  #part(whole, isMore) {
    this.#decoder ??= new StringDecoder(DECODED[this.encoding]);
    const told = this.#decoder.write(Buffer.from(whole));
    if (isMore) return told;
    const last = this.#decoder.end();
    this.#decoder = undefined;
    return told + last;
  }
}

const isSame = (one, other) => one.length === other.length && one.every((byte, at) => byte === other[at]);

function processOf(environment, log) {
  const began = Date.now();
  // What is written goes to the log at once.
  const output = (level, fd) => {
    const made = new Writable({ write: (part, _, back) => back() });
    const write = (part, ...rest) => {
      log(level, (typeof part === 'string' ? part : text(part)).replace(/\n$/, ''));
      const back = rest.find((one) => typeof one === 'function');
      if (back) globalThis.queueMicrotask(back);
      return true;
    };
    return Object.assign(made, { fd, isTTY: false, columns: 80, write, end: () => made, destroy: () => made });
  };
  const process = {
    env: Object.fromEntries(environment),
    argv: ['node', '/var/task'],
    execArgv: [],
    pid: 1,
    arch: 'wasm32',
    platform: 'wasi',
    version: 'v22.11.0',
    versions: { node: '22.11.0' },
    release: { name: 'node' },
    cwd: () => '/var/task',
    uptime: () => (Date.now() - began) / 1000,
    memoryUsage: () => ({ rss: 0, heapTotal: 0, heapUsed: 0, external: 0, arrayBuffers: 0 }),
    emitWarning: (warning) => log(3, shown(warning)),
    nextTick: (call, ...values) => queueMicrotask(() => call(...values)),
    hrtime: Object.assign(hrtime, { bigint: () => BigInt(Date.now()) * 1000000n }),
    exit: (code = 0) => {
      throw Object.assign(new Error(`the handler ended itself with exit code ${code}`), { name: 'ExitError' });
    },
    stdout: output(2, 1),
    stderr: output(4, 2),
    stdin: Object.assign(stream.Readable.from([]), { fd: 0, isTTY: false }),
    title: 'node',
    ppid: 0,
    execPath: '/var/lang/bin/node',
    exitCode: undefined,
    config: { variables: {} },
    features: {},
    umask: () => 0o22,
    getuid: () => 1000,
    cpuUsage: () => ({ user: 0, system: 0 }),
    abort: () => process.exit(134),
    kill: () => process.exit(1),
    emit: () => false,
    listeners: () => [],
    listenerCount: () => 0,
    getMaxListeners: () => 10,
    binding: (name) => {
      throw new Error(`process.binding('${name}') is not there`);
    },
  };
  // What would come there ends the invocation before anybody could be told: as on Lambda, whoever listens.
  for (const name of ['on', 'once', 'off', 'addListener', 'removeListener', 'removeAllListeners', 'prependListener', 'setMaxListeners']) process[name] = () => process;
  return process;
}

function hrtime(before = [0, 0]) {
  const [seconds, nanos] = [Math.floor(Date.now() / 1000) - before[0], (Date.now() % 1000) * 1e6 - before[1]];
  return nanos < 0 ? [seconds - 1, nanos + 1e9] : [seconds, nanos];
}

/** Moments that were marked, and how long it is between them. */
function performanceSince(began, native) {
  let entries = [];
  const timeOrigin = native?.timeOrigin ?? began;
  const now = native ? () => native.now() : () => Date.now() - timeOrigin;
  const added = (entry) => {
    entries.push(entry);
    return entry;
  };
  const at = (mark, otherwise) => (typeof mark === 'number' ? mark : entries.findLast((one) => one.name === mark)?.startTime ?? otherwise);
  return {
    now,
    timeOrigin,
    mark: (name, options) => added({ name, entryType: 'mark', startTime: options?.startTime ?? now(), duration: 0, detail: options?.detail ?? null }),
    measure(name, from, to) {
      const { start = from, end = to, detail = null } = typeof from === 'object' && from !== null ? from : {};
      const startTime = at(start, 0);
      return added({ name, entryType: 'measure', startTime, duration: at(end, now()) - startTime, detail });
    },
    getEntries: () => [...entries],
    getEntriesByName: (name) => entries.filter((one) => one.name === name),
    getEntriesByType: (type) => entries.filter((one) => one.entryType === type),
    clearMarks(name) { entries = entries.filter((one) => one.entryType !== 'mark' || (name !== undefined && one.name !== name)); },
    clearMeasures(name) { entries = entries.filter((one) => one.entryType !== 'measure' || (name !== undefined && one.name !== name)); },
    timerify: (call) => call,
    eventLoopUtilization: () => ({ idle: 0, active: 0, utilization: 0 }),
    toJSON: () => ({ timeOrigin }),
  };
}

/** Puts the globals in place and returns the modules that `require` knows. */
export function install(environment, log, random, ask) {
  const [process, began] = [processOf(environment, log), Date.now()];
  const performance = performanceSince(began, globalThis.performance);
  const own = {
    Buffer, TextEncoder, TextDecoder, URL, URLSearchParams, ...signals, process, structuredClone,
    global: globalThis,
    ReadableStream, Request, Response, Blob, File, FormData,
    atob: (value) => SHOWN.get('latin1')(READ.get('base64')(String(value))),
    btoa: (value) => SHOWN.get('base64')(READ.get('latin1')(value)),
  };
  for (const [name, value] of Object.entries(own)) globalThis[name] ??= value;
  globalThis.performance = performance;
  globalThis.console = Object.assign(consoleOf(log), { Console });
  promisedTimers(globalThis);
  const os = {
    EOL: '\n', constants: { signals: { SIGTERM: 15, SIGINT: 2 }, errno: {}, priority: {} }, endianness: () => 'LE', loadavg: () => [0, 0, 0], userInfo: () => ({ username: 'sbx_user1051', homedir: '/', uid: 1000, gid: 1000, shell: null }), version: () => '', availableParallelism: () => 1, tmpdir: () => '/tmp', homedir: () => '/', hostname: () => 'localhost', platform: () => 'wasi', type: () => 'WASI', arch: () => 'wasm32',
    release: () => '', cpus: () => [{ model: 'wasm', speed: 0 }], totalmem: () => 0, freemem: () => 0, uptime: () => 0, networkInterfaces: () => ({}),
  };
  const whole = { ...util, TextEncoder: globalThis.TextEncoder, TextDecoder: globalThis.TextDecoder };
  return {
    ...unavailable, assert, 'assert/strict': assert, async_hooks: asyncHooks, buffer: { Buffer, SlowBuffer: Buffer, kMaxLength: 2 ** 32, constants: { MAX_LENGTH: 2 ** 32 }, atob, btoa, Blob, File },
    console: globalThis.console, crypto: cryptography(random), diagnostics_channel: diagnostics, events, os, path, 'path/posix': path,
    perf_hooks: { performance, PerformanceObserver: class { observe() {} disconnect() {} } }, process, querystring,
    readline, 'readline/promises': readline.promises,
    stream, 'stream/promises': stream.promises, 'stream/web': { ReadableStream }, string_decoder: { StringDecoder },
    sys: whole, timers: globalThis, 'timers/promises': timers, url, util: whole, 'util/types': whole.types, zlib,
    ...clients(ask),
  };
}
