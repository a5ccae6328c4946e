// The language runtime that JavaScript functions share. Their code comes as data: one CommonJS file in a folder of what was packed
// with it, evaluated when a sandbox starts. A handler of AWS Lambda runs as it is: `exports.handler` with (event, context), with a callback, or
// async. What QuickJS lacks of Node and handlers use everywhere (Buffer, console, process.env, modules) is put in place by `node.js`.
import { entry, environment, seed } from 'shardmill:function/bundle@0.1.0';
import * as host from 'shardmill:function/host@0.1.0';
import * as invocation from 'shardmill:function/invocation@0.1.0';
import { ask } from 'shardmill:function/network@0.1.0';
import * as scratch from 'shardmill:function/scratch@0.1.0';
import * as state from 'shardmill:function/state@0.1.0';
import { Buffer } from './buffer.js';
import { text, utf8 } from './coding.js';
import { dress, rawStack } from './errors.js';
import { eventOf } from './event.js';
import { Headers, fetching } from './fetch.js';
import { files as filesOf } from './files.js';
import { bytesOf, create } from './handlers.js';
import { callsOf } from './places.js';
import { install } from './node.js';
import { Intl, localize } from './intl.js';
import { forget, globals, settle } from './promise.js';
import { path } from './path.js';
import { randomness } from './random.js';
import { Raw, awslambda } from './streaming.js';
import { Request, Response } from './web.js';

let handler;
let mapped;
const random = randomness(seed);

/** Where the files of the function are, as on Lambda. */
const ROOT = '/var/task';

/** What `require("shardmill")` gives: outputs and durable values, and handlers over records, beyond what AWS Lambda has. */
const shardmill = create({
  /** Puts one record to an output of the trigger: bytes and text as they are, anything else as JSON. */
  emit(output, key, data, source = 0xffffffff) {
    const [keyBytes, dataBytes] = [utf8(key), bytesOf(data)];
    const chunk = new Uint8Array(72 + keyBytes.length + dataBytes.length);
    const view = new DataView(chunk.buffer);
    [0x314f4d53, 1, 1, 40].forEach((number, index) => view.setUint32(index * 4, number, true));
    [72, keyBytes.length, 72 + keyBytes.length, dataBytes.length].forEach((number, index) => view.setUint32(32 + index * 4, number, true));
    view.setUint32(64, source, true);
    chunk.set(keyBytes, 72);
    chunk.set(dataBytes, 72 + keyBytes.length);
    asked(() => host.emit(output, chunk));
  },
  /** The value of this name under the key of the record with this index; undefined where there is none. */
  get(source, name) {
    const value = asked(() => state.get(source, name));
    return value == null ? undefined : Buffer.from(value);
  },
  put: (source, name, value) => asked(() => state.set(source, name, bytesOf(value))),
  delete: (source, name) => asked(() => state.delete(source, name)),
});

const fs = filesOf(scratch, Buffer, bytesOf, (level, line) => host.log(level, line));
const modules = { shardmill, fs, 'fs/promises': fs.promises };

class Refused extends Error {
  name = 'Refused';
}

function asked(call) {
  try {
    return call();
  } catch (refusal) {
    throw new Refused(refusal?.message ?? refusal?.payload?.message ?? String(refusal));
  }
}

function require(name) {
  const known = modules[name.replace(/^node:/, '')];
  if (known) return known;
  // What is named by a path that is made while the function runs is in no file that was made of it.
  if (/^\.{0,2}\//.test(name) && name.endsWith('.json')) return JSON.parse(fs.readFileSync(path.resolve(path.dirname(source()), name), 'utf8'));
  const isOfAws = /^(@aws-sdk\/|aws-sdk)/.test(name);
  const why = isOfAws ? `Lambda brings AWS's SDK along and a sandbox has none: \`npm install ${name}\` in the function's folder packs it` : 'neither a sandbox nor the function has it';
  throw Object.assign(new Error(`Cannot find module '${name}': ${why}`), { code: 'MODULE_NOT_FOUND' });
}

/** The file of the code. */
const source = () => `${ROOT}/${entry().split(':')[0]}`;

/** The places of a stack in the function's own files. */
const placed = (raw) => callsOf(raw, map()).map(shownCall);

const shownCall = ({ file, line, name }) => (name ? `    at ${name} (${ROOT}/${file}:${line})` : `    at ${ROOT}/${file}:${line}`);

function load() {
  dress(placed);
  Object.assign(globalThis, globals, { crypto: random.crypto, fetch: fetching(ask, { Buffer, Request, Response }), Headers, awslambda });
  Math.random = random.random;
  globalThis.Intl ??= Intl;
  localize();
  Object.assign(modules, install(environment(), (level, line) => host.log(level, line), random.crypto, ask));
  modules.module = { createRequire: () => require };
  const [file, module] = [source(), { exports: {} }];
  const code = new Function('module', 'exports', 'require', '__filename', '__dirname', text(fs.readFileSync(file)));
  code(module, module.exports, require, file, path.dirname(file));
  const exports = awaited(module.exports);
  const name = entry().split(':').slice(1).join(':');
  const exported = exports[name] ?? exports.default?.[name];
  if (typeof exported !== 'function') {
    const own = Object.keys(exports).join(', ') || 'nothing';
    throw named('Runtime.HandlerNotFound', `${path.basename(file).replace(/\.[cm]?js$/, '')}.${name} is undefined or not exported; it exports ${own}`);
  }
  return exported;
}

/** What a module exports that waits for something itself. */
function awaited(exports) {
  if (typeof exports?.then !== 'function') return exports;
  let told;
  exports.then((value) => (told = { value }), (error) => (told = { error }));
  if (!settle(() => told !== undefined)) throw neverSettled('the module awaits what never comes');
  if ('error' in told) throw told.error;
  return told.value;
}

const named = (name, message) => Object.assign(new Error(message), { name });
const neverSettled = (what) => named('NeverSettled', `${what}: a promise is never settled, or the callback never called`);

/** Loads as Lambda's runtime does, which calls it an error of its own when a module is missing. */
function loaded() {
  try {
    return load();
  } catch (error) {
    if (error?.code !== 'MODULE_NOT_FOUND') throw error;
    throw Object.assign(named('Runtime.ImportModuleError', `Error: ${error.message}`), { from: error });
  }
}

function clientContext() {
  const said = invocation.clientContext();
  return said == null ? undefined : JSON.parse(said);
}

function context() {
  return {
    callbackWaitsForEmptyEventLoop: false,
    functionName: invocation.functionName(),
    functionVersion: invocation.version(),
    invokedFunctionArn: invocation.invokedFunctionArn(),
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    awsRequestId: invocation.requestId(),
    logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
    identity: undefined,
    clientContext: clientContext(),
    traceParent: invocation.traceParent(),
    getRemainingTimeInMillis: () => Number(invocation.remainingMs()),
  };
}

/** What the handler answers, once it has: nothing goes on when a call has returned. */
function run(event) {
  let [answer, failure, state] = [undefined, undefined, 'open'];
  const settled = (how) => (value) => {
    if (state !== 'open') return;
    [state, answer, failure] = how === 'done' ? [how, value, undefined] : [how, undefined, value];
  };
  const [resolve, reject] = [settled('done'), settled('failed')];
  const done = (error, value) => (error == null ? resolve(value) : reject(error));
  const given = { ...context(), succeed: resolve, fail: reject, done };
  random.begin();
  const returned = handler(event, given, done);
  // A handler that takes a callback answers through it, unless it is async all the same.
  if (typeof returned?.then === 'function') returned.then(resolve, reject);
  else if (handler.length < 3) resolve(returned);
  if (!settle(() => state !== 'open')) throw neverSettled('the handler neither answered nor is anything left that it could wait for');
  if (state === 'failed') throw failure;
  return answer;
}

/** The source map of the function's file, where its bundle has one. */
function map() {
  const file = `${source()}.map`;
  mapped ??= { text: fs.existsSync(file) ? text(fs.readFileSync(file)) : undefined };
  return mapped.text;
}

/** As Node's runtime on Lambda writes it. */
function documentOf(error, kind, message, calls) {
  if (typeof error !== 'object' || error === null) return { errorType: typeof error, errorMessage: String(error), trace: [] };
  return { errorType: kind, errorMessage: message, trace: [`${kind}: ${message}`, ...calls.map(shownCall)] };
}

function fault(error) {
  const kind = error?.name ?? error?.constructor?.name ?? 'Error';
  const message = error?.message ?? String(error);
  const calls = callsOf(error instanceof Error ? rawStack(error.from ?? error) : error?.stack, map());
  const shown = calls.map(({ file, line, name }) => `${file} line ${line}${name && ` in ${name}`}`);
  host.log(4, [`${kind}: ${message}`, ...shown.map((call) => `    at ${call}`)].join('\n'));
  if (kind !== 'ExitError') host.errorDocument(JSON.stringify(documentOf(error, kind, message, calls)));
  return { kind, message: shown.length > 0 ? `${message} (${shown[0]})` : message, retryAfterMs: null };
}

function answered(event) {
  try {
    // What loading leaves to be done later is done with the first event.
    forget();
    handler ??= loaded();
    const answer = run(event());
    return answer instanceof Raw ? answer.text : (JSON.stringify(answer) ?? 'null');
  } catch (error) {
    throw fault(error);
  }
}

export const textHandler = {
  handle: (event) => answered(() => JSON.parse(event)),
  handleRecords: (columns) => answered(() => eventOf(columns)),
};
