// What handlers expect of Node and QuickJS does not have: globals and modules, put in place when a sandbox starts. What needs threads or
// processes is not there at all; each module stands in a file of its own.

import { Buffer } from './buffer.js';
import { READ, SHOWN, text, utf8 } from './coding.js';
import { cryptography } from './crypto.js';
import { assert, events, own as signals, timers } from './events.js';
import { clients } from './http.js';
import { path } from './path.js';
import { URL, URLSearchParams, querystring, url } from './url.js';
import { format, promisedTimers, shown, structuredClone, util } from './util.js';
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

function consoleOf(log) {
  const says = (level) => (...values) => log(level, format(...values));
  const [info, counts, started] = [says(2), new Map(), new Map()];
  const passed = (name, rest) => {
    const label = name ?? 'default';
    if (started.has(label)) info(`${label}: ${Date.now() - started.get(label)}ms`, ...rest);
  };
  return {
    trace: says(0), debug: says(1), log: info, info, warn: says(3), error: says(4), dir: (value) => info(shown(value)), dirxml: info,
    table: (rows) => info(shown(rows)),
    group: (...values) => values.length > 0 && info(...values),
    groupCollapsed: (...values) => values.length > 0 && info(...values),
    groupEnd() {},
    assert: (isTrue, ...values) => isTrue || log(4, format('Assertion failed', ...values)),
    count(name = 'default') {
      counts.set(name, (counts.get(name) ?? 0) + 1);
      info(`${name}: ${counts.get(name)}`);
    },
    countReset: (name = 'default') => void counts.delete(name),
    time: (name = 'default') => void started.set(name, Date.now()),
    timeLog: (name, ...rest) => passed(name, rest),
    timeEnd(name, ...rest) {
      passed(name, rest);
      started.delete(name ?? 'default');
    },
  };
}

function processOf(environment, log) {
  const began = Date.now();
  const stream = (level) => ({ isTTY: false, write: (line) => Boolean(log(level, String(line).replace(/\n$/, '')) ?? true) });
  const process = {
    env: Object.fromEntries(environment),
    argv: ['node', '/var/task'],
    execArgv: [],
    pid: 1,
    arch: 'wasm32',
    platform: 'wasi',
    version: 'v20.0.0',
    versions: { node: '20.0.0' },
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
    stdout: stream(2),
    stderr: stream(4),
  };
  // What would come there ends the invocation before anybody could be told.
  for (const name of ['on', 'once', 'off', 'addListener', 'removeListener', 'removeAllListeners']) process[name] = () => process;
  return process;
}

function hrtime(before = [0, 0]) {
  const [seconds, nanos] = [Math.floor(Date.now() / 1000) - before[0], (Date.now() % 1000) * 1e6 - before[1]];
  return nanos < 0 ? [seconds - 1, nanos + 1e9] : [seconds, nanos];
}

/** Puts the globals in place and returns the modules that `require` knows. */
export function install(environment, log, random, ask) {
  const [process, began] = [processOf(environment, log), Date.now()];
  const own = {
    Buffer, TextEncoder, TextDecoder, URL, URLSearchParams, ...signals, process, structuredClone,
    global: globalThis,
    performance: { now: () => Date.now() - began, timeOrigin: began },
    atob: (value) => SHOWN.get('latin1')(READ.get('base64')(String(value))),
    btoa: (value) => SHOWN.get('base64')(READ.get('latin1')(value)),
  };
  for (const [name, value] of Object.entries(own)) globalThis[name] ??= value;
  globalThis.console = consoleOf(log);
  promisedTimers(globalThis);
  const os = {
    EOL: '\n', tmpdir: () => '/tmp', homedir: () => '/', hostname: () => 'localhost', platform: () => 'wasi', type: () => 'WASI', arch: () => 'wasm32',
    release: () => '', cpus: () => [{ model: 'wasm', speed: 0 }], totalmem: () => 0, freemem: () => 0, uptime: () => 0, networkInterfaces: () => ({}),
  };
  const whole = { ...util, TextEncoder: globalThis.TextEncoder, TextDecoder: globalThis.TextDecoder };
  return {
    assert, 'assert/strict': assert, buffer: { Buffer }, console: globalThis.console, crypto: cryptography(random), events, os, path, 'path/posix': path,
    perf_hooks: { performance: globalThis.performance }, process, querystring, timers: globalThis, 'timers/promises': timers, url, util: whole, zlib,
    ...clients(ask),
  };
}
