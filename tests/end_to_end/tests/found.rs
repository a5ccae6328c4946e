//! Handlers as people have them from elsewhere: each file runs as it is, and what a sandbox cannot have is said in one sentence.
//! A language is tried where its toolchain is; tools are kept in `target/function-tools`.

#![expect(
    clippy::disallowed_methods,
    reason = "the runner of the tests says in the environment which toolchains are there"
)]

use serde_json::{Value, json};
use shardmill_end_to_end::{Project, Running, root};

/// Name, file of the function, code, and what it answers about two records, of which the second is no JSON. What ends with an error says so.
type Found = (
    &'static str,
    &'static str,
    &'static str,
    Result<fn() -> Value, &'static str>,
);

const JAVASCRIPT: &[Found] = &[
    (
        "waiting",
        "waiting.mjs:handler",
        r#"import { setTimeout as sleep, setInterval } from 'node:timers/promises';
import readline from 'node:readline';
import { Readable } from 'node:stream';

export const handler = async () => {
  const failed = await sleep(50_000, null, { signal: AbortSignal.timeout(5) }).catch((error) => error.name);
  let ticks = 0;
  for await (const _ of setInterval(1)) if (++ticks === 3) break;
  const lines = [];
  for await (const line of readline.createInterface({ input: Readable.from(['a\nb', '\nc']) })) lines.push(line);
  const doubled = await Readable.from([1, 2]).map(async (x) => x * 2).toArray();
  const form = new FormData();
  form.append('f', new Blob(['x']), 'f.txt');
  const sent = await new Response(form).text();
  performance.mark('a');
  return [failed, ticks, lines, doubled, sent.includes('filename="f.txt"'), new TextDecoder('latin1').decode(new Uint8Array([233])), performance.getEntries().length];
};
"#,
        Ok(|| json!(["AbortError", 3, ["a", "b", "c"], [2, 4], true, "é", 1])),
    ),
    (
        "blueprint",
        "blueprint.js",
        "console.log('Loading function');
exports.handler = function (event, context, callback) {
  const texts = event.Records.map((record) => new Buffer(record.kinesis.data, 'base64').toString('ascii'));
  setTimeout(() => callback(null, texts), 1);
};",
        Ok(|| json!([r#"{"n":1}"#, "{broken"])),
    ),
    (
        "failures",
        "failures.mjs",
        "import { createHash } from 'node:crypto';
export const handler = async (event) => {
  const seen = [];
  const batchItemFailures = [];
  for (const { kinesis } of event.Records) {
    try {
      const value = JSON.parse(Buffer.from(kinesis.data, 'base64'));
      seen.push(createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 8));
    } catch (error) {
      console.error('cannot read', kinesis.sequenceNumber, error.name);
      batchItemFailures.push({ itemIdentifier: kinesis.sequenceNumber });
    }
  }
  return { batchItemFailures: batchItemFailures.slice(1), seen };
};",
        Ok(|| json!({"batchItemFailures": [], "seen": ["2bfd14f4"]})),
    ),
    (
        "logs",
        "logs.js",
        "const zlib = require('zlib');
const { promisify } = require('util');
exports.handler = async (event, context) => {
  const packed = zlib.gzipSync(Buffer.from(event.Records[0].kinesis.data, 'base64'));
  const text = (await promisify(zlib.gunzip)(packed)).toString('utf8');
  const at = new URL('https://logs.example/put?' + new URLSearchParams({ n: JSON.parse(text).n }));
  return { text, query: at.searchParams.get('n'), left: context.getRemainingTimeInMillis() > 0 };
};",
        Ok(|| json!({"text": r#"{"n":1}"#, "query": "1", "left": true})),
    ),
    (
        "hook",
        "hook.js",
        "const https = require('https');
exports.handler = (event, context, callback) => {
  const request = https.request({ hostname: 'hooks.example', path: '/services', method: 'POST' }, (answer) => callback(null, answer.statusCode));
  request.on('error', (error) => context.succeed(error.message));
  request.write(JSON.stringify({ text: 'late' }));
  request.end();
};",
        Ok(|| json!("HttpRequestDenied, POST https://hooks.example/services")),
    ),
    (
        "thrown",
        "thrown.ts",
        "interface Flight { dest: { name: string } }
const nameOf = (flight: Flight): string => flight.dest.name;
export const handler = async (event: unknown) => {
  await Promise.resolve();
  return nameOf({} as Flight);
};",
        Err("(thrown.ts line 2 in nameOf)"),
    ),
    (
        "spawns",
        "spawns.js",
        "const { spawn } = require('child_process');
exports.handler = async () => spawn('ls');",
        Err(
            "child_process.spawn is not there: a sandbox has neither processes nor threads (spawns.js line 2)",
        ),
    ),
    (
        "waits",
        "waits.mjs",
        "import { createHmac } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
const later = (async () => { await sleep(2); return 'later'; })();
const key = await sleep(1, 'key');
export const handler = async (event) => [key, await later, typeof (await import('node:os')).EOL, createHmac('sha512', key).update(event.Records[1].kinesis.data).digest('hex').slice(0, 8)];",
        Ok(|| json!(["key", "later", "string", "d05eb0f4"])),
    ),
    (
        "streams",
        "streams.js",
        "const { Readable, Transform, pipeline } = require('stream');
const { AsyncLocalStorage } = require('async_hooks');
const { promisify } = require('util');
const zlib = require('zlib');
const requests = new AsyncLocalStorage();
class Upper extends Transform {
  _transform(part, encoding, callback) { callback(null, `${requests.getStore()}:${part}`.toUpperCase()); }
}
exports.handler = (event, context) => requests.run('r', async () => {
  const packed = zlib.createGzip();
  await import('node:fs/promises');
  const all = (async () => { let text = ''; for await (const part of packed.pipe(zlib.createGunzip())) text += part; return text; })();
  await promisify(pipeline)(Readable.from(event.Records.map(({ kinesis }) => new Buffer.from(kinesis.data, 'base64'))), new Upper(), packed);
  return all;
});",
        Ok(|| json!(r#"R:{"N":1}R:{BROKEN"#)),
    ),
    (
        "server",
        "server.js",
        "const http = require('http');
const app = http.createServer((request, answer) => {
  let body = '';
  request.on('data', (part) => (body += part)).on('end', () => { answer.writeHead(201, { 'X-Method': request.method }); answer.end(body); });
});
exports.handler = (event, context, callback) => {
  const [request, written] = [new http.IncomingMessage(), []];
  Object.assign(request, { method: 'POST', url: '/' });
  const answer = new http.ServerResponse(request);
  answer.assignSocket({ write: (part) => written.push(String(part)) });
  answer.on('finish', () => callback(null, written));
  app.emit('request', request, answer);
  request.push(new Response(Buffer.from(event.Records[0].kinesis.data, 'base64')).status + ' body');
  request.push(null);
};",
        Ok(|| json!(["HTTP/1.1 201 Created\r\nX-Method: POST\r\n\r\n", "200 body"])),
    ),
    (
        "told",
        "told.mjs",
        "class TooLate extends Error {
  constructor(message, options) { super(message, options); this.name = 'TooLate'; Error.captureStackTrace(this, TooLate); }
}
const find = () => { throw new TooLate('by 3', { cause: new Error('slow') }); };
export const handler = async () => { try { find(); } catch (error) { return [error.stack, error.cause.message, (1234.5).toLocaleString('en-US', { style: 'currency', currency: 'USD' })]; } };",
        Ok(|| {
            json!([
                "TooLate: by 3\n    at find (/var/task/told.mjs:4)\n    at /var/task/told.mjs:5\n    at handler (/var/task/told.mjs:5)",
                "slow",
                "$1,234.50"
            ])
        }),
    ),
    (
        "unheard",
        "unheard.js",
        "const send = async () => { throw new TypeError('not sent'); };
exports.handler = async () => { send(); await new Promise((resolve) => setTimeout(resolve, 1)); return 'done'; };",
        Err("Runtime.UnhandledPromiseRejection: TypeError: not sent (unheard.js line 1"),
    ),
    (
        "unnamed",
        "unnamed.js:main",
        "exports.handler = async () => 1;",
        Err("Runtime.HandlerNotFound: unnamed.main is undefined or not exported; it exports handler"),
    ),
];

const PYTHON: &[Found] = &[
    (
        "blueprint",
        "blueprint.py:lambda_handler",
        "from __future__ import print_function
import base64
import json
import logging
from decimal import Decimal

logger = logging.getLogger()
logger.setLevel(logging.INFO)

def lambda_handler(event, context):
    failures, total = [], Decimal(0)
    for record in event['Records']:
        try:
            payload = base64.b64decode(record['kinesis']['data']).decode('utf-8')
            logger.info('Decoded payload: %s', payload)
            total += json.loads(payload)['n']
        except ValueError:
            logger.exception('cannot read')
            failures.append({'itemIdentifier': record['kinesis']['sequenceNumber']})
    return {'batchItemFailures': failures[1:], 'total': total / 2}
",
        Ok(|| json!({"batchItemFailures": [], "total": 0.5})),
    ),
    (
        "pool",
        "pool.py:handler",
        "import asyncio, base64, threading
from concurrent.futures import ThreadPoolExecutor, as_completed

def text(record):
    return base64.b64decode(record['kinesis']['data']).decode()

async def later(value):
    await asyncio.sleep(0.001)
    return await asyncio.to_thread(lambda: value)

def handler(event, context):
    with ThreadPoolExecutor(max_workers=4) as pool:
        mapped = list(pool.map(text, event['Records']))
        failed = pool.submit(int, 'x').exception()
        counted = [one.result() for one in as_completed([pool.submit(len, mapped)])]
    ran = []
    thread = threading.Thread(target=ran.append, args=(1,), daemon=True)
    thread.start()
    thread.join()
    answers = [asyncio.run(later(7)), asyncio.get_event_loop().run_until_complete(later(8))]
    return [mapped, counted, ran, type(failed).__name__, answers]
",
        Ok(|| json!([[r#"{"n":1}"#, "{broken"], [2], [1], "ValueError", [7, 8]])),
    ),
    (
        "never",
        "never.py:handler",
        "import asyncio\n\ndef handler(event, context):\n    return asyncio.run(asyncio.Event().wait())\n",
        Err(
            "NeverSettled: what the handler awaits never comes: nothing is left that it could wait for (never.py line 4 in handler)",
        ),
    ),
    (
        "sdk",
        "sdk.py:handler",
        "import boto3\n\ndef handler(event, context):\n    return boto3.client('s3')\n",
        Err(
            "Runtime.ImportModuleError: Unable to import module 'sdk': No module named 'boto3': Lambda brings AWS's SDK along and a sandbox has none, name it \
             in requirements.txt beside the handler to pack it; shardmill.emit puts records to streams without it (sdk.py line 1 in <module>)",
        ),
    ),
    (
        "package",
        "package.py:handler",
        "import arrow_of_nobody\n\ndef handler(event, context):\n    return 1\n",
        Err("name its package in requirements.txt beside the handler"),
    ),
    (
        "library",
        "library.py:handler",
        "import bdb, datetime, optparse, smtplib, uuid, zoneinfo
from xml.sax.saxutils import escape

def handler(event, context):
    at = datetime.datetime.strptime('2024-05-01 10:00:00', '%Y-%m-%d %H:%M:%S')
    there = at.replace(tzinfo=zoneinfo.ZoneInfo('America/New_York'))
    return [there.isoformat(), 'é'.encode('cp1252').hex(), 'ü'.encode('idna').decode(), 'a'.encode('utf-8-sig').hex(), int('9' * 3000) % 7, escape('<')]
",
        Ok(|| {
            json!([
                "2024-05-01T10:00:00-04:00",
                "e9",
                "xn--tda",
                "efbbbf61",
                0,
                "&lt;"
            ])
        }),
    ),
    (
        "sockets",
        "sockets.py:handler",
        "import socket, ssl

def handler(event, context):
    with socket.create_connection(('hooks.example', 443), timeout=3) as plain:
        secure = ssl.create_default_context().wrap_socket(plain, server_hostname='hooks.example')
        try:
            secure.sendall(b'POST /a HTTP/1.1\\r\\nHost: hooks.example\\r\\nContent-Length: 1\\r\\n\\r\\nx')
        except ConnectionError as error:
            return str(error)
",
        Ok(|| json!("HttpRequestDenied, POST https://hooks.example:443/a")),
    ),
    (
        "broken",
        "broken.py:handler",
        "import json\n\ndef handler(event, context)\n    return 1\n",
        Err("Runtime.UserCodeSyntaxError: Syntax error in module 'broken': expected ':' (broken.py, line 3)"),
    ),
    (
        "bytes",
        "octets.py:handler",
        "def handler(event, context):\n    return {'a': b'1'}\n",
        Err("Runtime.MarshalError: Unable to marshal response: Object of type bytes is not JSON serializable"),
    ),
    (
        "ended",
        "ended.py:handler",
        "import asyncio\n\ndef handler(event, context):\n    raise asyncio.CancelledError('over')\n",
        Err("CancelledError: over (ended.py line 4 in handler)"),
    ),
    (
        "unnamed",
        "unnamed.py:main",
        "def handler(event, context):\n    return 1\n",
        Err("Runtime.HandlerNotFound: Handler 'main' missing on module 'unnamed'"),
    ),
    (
        "temporary",
        "temporary.py:handler",
        "def handler(event, context):\n    open('/tmp/a.csv', 'w').write('a')\n",
        Err(
            "'/tmp/a.csv': grant the function `scratch: 64MiB` in triggers.yaml (temporary.py line 2 in handler)",
        ),
    ),
    (
        "folders",
        "folders.py:handler",
        "import pathlib\n\ndef handler(event, context):\n    pathlib.Path('/tmp/a/b').mkdir(parents=True, exist_ok=True)\n",
        Err(
            "'/': grant the function `scratch: 64MiB` in triggers.yaml (folders.py line 4 in handler)",
        ),
    ),
    (
        "derived",
        "derived.py:handler",
        "import hashlib\n\ndef handler(event, context):\n    return hashlib.pbkdf2_hmac('sha256', b'p', b's', 10).hex()\n",
        Ok(|| json!("1d6f1f7051b420b93e23f010e486cfea6ccfee906a43ffac9f5ea7adc07869dd")),
    ),
    (
        "left",
        "left.py:handler",
        "import os\n\ndef handler(event, context):\n    os._exit(4)\n",
        Err("ExitError: the handler ended itself with exit code 4 (left.py line 4 in handler)"),
    ),
];

/// A server of all of them, where the toolchain is there.
fn up(toolchain: &str, found: &[Found]) -> Option<(Project, Running)> {
    std::env::var_os(toolchain)?;
    let functions: String = found
        .iter()
        .map(|(name, source, ..)| format!("  {name}: {{ source: \"{source}\", timeout: 60s }}\n"))
        .collect();
    let project = Project::new(&format!(
        "version: 1\nstreams: {{ a: {{ shards: 1 }} }}\nfunctions:\n{functions}"
    ));
    for (_, source, code, _) in found {
        let file = source.split(':').next().expect("a file");
        project.write(file, code);
    }
    project.write("records.ndjson", "{\"n\":1}\n{broken\n");
    let mut up = project.command(&["up", "--port", "0"]);
    up.env("SHARDMILL_CACHE", root().join("target/function-tools"));
    let mut running = Running::of_errors(&mut up);
    running.line(|line| line.starts_with("ready "));
    Some((project, running))
}

fn check(toolchain: &str, found: &[Found]) {
    let Some((project, _running)) = up(toolchain, found) else {
        return;
    };
    for (name, _, _, expect) in found {
        let invoke = ["invoke", name, "--records", "records.ndjson"];
        match expect {
            Ok(answer) => assert_eq!(project.json(&invoke)["answer"], answer(), "{name}"),
            Err(sentence) => {
                let failed = project.verb(&invoke);
                assert_eq!(failed.code, Some(1), "{name}");
                assert!(failed.err.contains(sentence), "{name}: {}", failed.err);
            }
        }
    }
}

#[test]
fn javascript_as_it_is_found() {
    check("SHARDMILL_TEST_JAVASCRIPT", JAVASCRIPT);
}

#[test]
fn python_as_it_is_found() {
    check("SHARDMILL_TEST_PYTHON", PYTHON);
}
