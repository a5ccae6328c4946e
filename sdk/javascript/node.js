// What handlers expect of Node and QuickJS does not have: globals and modules, put in place when a sandbox starts. What needs threads or
// processes is not there at all; each module stands in a file of its own.

import { unavailable } from './absent.js';
import { Buffer } from './buffer.js';
import { READ, SHOWN, text, utf8 } from './coding.js';
import { Console, consoleOf } from './console.js';
import { cryptography } from './crypto.js';
import { StringDecoder } from './decoder.js';
import { assert, events, own as signals, timers } from './events.js';
import { asyncHooks, diagnostics } from './following.js';
import { clients } from './http.js';
import { path } from './path.js';
import { stream } from './pipelines.js';
import { Writable } from './streams.js';
import { URL, URLSearchParams, querystring, url } from './url.js';
import { promisedTimers, shown, structuredClone, util } from './util.js';
import { ReadableStream, Request, Response } from './web.js';
import { zlib } from './zlib.js';

class TextEncoder {
  encoding = 'utf-8';
  encode(value = '') {
    return utf8(value);
  }
}

class TextDecoder {
  encoding = 'utf-8';
  decode(bytes = new Uint8Array()) {
    return text(ArrayBuffer.isView(bytes) ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength) : new Uint8Array(bytes));
  }
}

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

/** Puts the globals in place and returns the modules that `require` knows. */
export function install(environment, log, random, ask) {
  const [process, began] = [processOf(environment, log), Date.now()];
  const performance = { now: () => Date.now() - began, timeOrigin: began, mark() {}, measure() {}, toJSON: () => ({ timeOrigin: began }) };
  const own = {
    Buffer, TextEncoder, TextDecoder, URL, URLSearchParams, ...signals, process, structuredClone,
    global: globalThis,
    performance,
    ReadableStream, Request, Response,
    atob: (value) => SHOWN.get('latin1')(READ.get('base64')(String(value))),
    btoa: (value) => SHOWN.get('base64')(READ.get('latin1')(value)),
  };
  for (const [name, value] of Object.entries(own)) globalThis[name] ??= value;
  globalThis.console = Object.assign(consoleOf(log), { Console });
  promisedTimers(globalThis);
  const os = {
    EOL: '\n', constants: { signals: { SIGTERM: 15, SIGINT: 2 }, errno: {}, priority: {} }, endianness: () => 'LE', loadavg: () => [0, 0, 0], userInfo: () => ({ username: 'sbx_user1051', homedir: '/', uid: 1000, gid: 1000, shell: null }), version: () => '', availableParallelism: () => 1, tmpdir: () => '/tmp', homedir: () => '/', hostname: () => 'localhost', platform: () => 'wasi', type: () => 'WASI', arch: () => 'wasm32',
    release: () => '', cpus: () => [{ model: 'wasm', speed: 0 }], totalmem: () => 0, freemem: () => 0, uptime: () => 0, networkInterfaces: () => ({}),
  };
  const whole = { ...util, TextEncoder: globalThis.TextEncoder, TextDecoder: globalThis.TextDecoder };
  return {
    ...unavailable, assert, 'assert/strict': assert, async_hooks: asyncHooks, buffer: { Buffer, SlowBuffer: Buffer, kMaxLength: 2 ** 32, constants: { MAX_LENGTH: 2 ** 32 }, atob, btoa },
    console: globalThis.console, crypto: cryptography(random), diagnostics_channel: diagnostics, events, os, path, 'path/posix': path,
    perf_hooks: { performance: globalThis.performance, PerformanceObserver: class { observe() {} disconnect() {} } }, process, querystring,
    stream, 'stream/promises': stream.promises, 'stream/web': { ReadableStream }, string_decoder: { StringDecoder },
    sys: whole, timers: globalThis, 'timers/promises': timers, url, util: whole, 'util/types': whole.types, zlib,
    ...clients(ask),
  };
}
