// The language runtime that JavaScript functions share. Their code comes as data: one CommonJS file, evaluated when a
// sandbox starts. A handler of AWS Lambda runs as it is: `exports.handler` with (event, context), with a callback, or
// async. What QuickJS lacks of Node and handlers use everywhere (Buffer, console, process.env, modules) is put in place by `node.js`.
import { entry, files, environment, seed } from 'shardmill:function/bundle@0.1.0';
import * as host from 'shardmill:function/host@0.1.0';
import * as invocation from 'shardmill:function/invocation@0.1.0';
import { ask } from 'shardmill:function/network@0.1.0';
import * as scratch from 'shardmill:function/scratch@0.1.0';
import * as state from 'shardmill:function/state@0.1.0';
import { Buffer } from './buffer.js';
import { text, utf8 } from './coding.js';
import { install } from './node.js';
import { eventOf } from './event.js';
import { Headers, fetching } from './fetch.js';
import { files as filesOf } from './files.js';
import { bytesOf, create } from './handlers.js';
import { callsOf } from './places.js';
import { forget, globals, settle } from './promise.js';
import { randomness } from './random.js';

let handler;
const random = randomness(seed);

/** Lists of bytes come as typed arrays; copying one costs the interpreter a loop. */
const typed = (bytes) => (bytes instanceof Uint8Array ? bytes : Uint8Array.from(bytes));

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

const fs = filesOf(scratch, Buffer, bytesOf);
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
  throw new Error(`the module \`${name}\` is not there: of what Node has built in there are ${Object.keys(modules).join(', ')}`);
}

function load() {
  Object.assign(globalThis, globals, { crypto: random.crypto, fetch: fetching(ask, Buffer, bytesOf), Headers });
  Math.random = random.random;
  Object.assign(modules, install(environment(), (level, line) => host.log(level, line), random.crypto, ask));
  process.env.AWS_LAMBDA_FUNCTION_NAME ??= invocation.functionName();
  process.env.AWS_LAMBDA_FUNCTION_VERSION ??= invocation.version();
  process.env.AWS_REGION ??= 'us-east-1';
  const [file, ...names] = entry().split(':');
  const found = files().find(({ path }) => path === file);
  const module = { exports: {} };
  new Function('module', 'exports', 'require', '__filename', '__dirname', text(typed(found.bytes)))(
    module, module.exports, require, `/function/${file}`, '/function');
  const name = names.join(':');
  const exported = module.exports[name] ?? module.exports.default?.[name];
  if (typeof exported !== 'function') {
    throw new Error(`it exports ${Object.keys(module.exports).join(', ') || 'nothing'}, and no function \`${name}\``);
  }
  return exported;
}

function context() {
  const name = invocation.functionName();
  return {
    callbackWaitsForEmptyEventLoop: false,
    functionName: name,
    functionVersion: invocation.version(),
    invokedFunctionArn: `arn:aws:lambda:us-east-1:000000000000:function:${name}`,
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE ?? '128',
    awsRequestId: invocation.requestId(),
    logGroupName: `/aws/lambda/${name}`,
    logStreamName: `[${invocation.version()}]`,
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
  forget();
  random.begin();
  const returned = handler(event, given, done);
  // A handler that takes a callback answers through it, unless it is async all the same.
  if (typeof returned?.then === 'function') returned.then(resolve, reject);
  else if (handler.length < 3) resolve(returned);
  if (!settle(() => state !== 'open')) {
    const error = new Error('the handler neither answered nor is anything left that it could wait for: a promise is never settled, or the callback never called');
    error.name = 'NeverSettled';
    throw error;
  }
  if (state === 'failed') throw failure;
  return answer;
}

/** The source map of the function's file, where its bundle has one. */
function map() {
  const found = files().find(({ path }) => path.endsWith('.map'));
  return found && text(typed(found.bytes));
}

function fault(error) {
  const kind = error?.name ?? error?.constructor?.name ?? 'Error';
  const message = error?.message ?? String(error);
  const calls = callsOf(error?.stack, map());
  const shown = calls.map(({ file, line, name }) => `${file} line ${line}${name && ` in ${name}`}`);
  host.log(4, [`${kind}: ${message}`, ...shown.map((call) => `    at ${call}`)].join('\n'));
  return { kind, message: shown.length > 0 ? `${message} (${shown[0]})` : message, retryAfterMs: null };
}

function answered(event) {
  try {
    handler ??= load();
    return JSON.stringify(run(event())) ?? 'null';
  } catch (error) {
    throw fault(error);
  }
}

export const textHandler = {
  handle: (event) => answered(() => JSON.parse(event)),
  handleRecords: (columns) => answered(() => eventOf(columns)),
};
