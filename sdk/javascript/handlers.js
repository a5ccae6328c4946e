// Handlers over records instead of events, for the runtime and for tests alike: `batch`, `each`, `keyed`, and what they choose
// for a record that fails. No async function stands here: the runtime has an event loop of its own, so that promises are
// chained only where a handler returns one.

/** Under which a keyed handler's value is kept, in every language. */
const STATE_NAME = 'value';

const isPromise = (value) => typeof value?.then === 'function';

class Chosen extends Error {
  constructor(action, kind, reason) {
    super(reason instanceof Error ? reason.message : String(reason));
    this.name = kind;
    this.action = action;
  }
}

/** To be thrown: the record is at fault and goes to the dead-letter store at once. */
export const deadLetter = (reason, kind = 'DeadLetter') => new Chosen('dead-letter', kind, reason);
/** To be thrown: the key is set aside until someone has looked at it. */
export const park = (reason, kind = 'Park') => new Chosen('park', kind, reason);
/** To be thrown: the trigger's retry policy decides, with a kind for `retry.classes`. */
export const retry = (reason, kind = 'Retry') => new Chosen('retry', kind, reason);

const encoded = (value) => Buffer.from(JSON.stringify(value));

/** The bytes of what a handler hands over: bytes and text as they are, anything else as JSON. */
export function bytesOf(data) {
  if (data instanceof Uint8Array) return data;
  return typeof data === 'string' ? Buffer.from(data) : encoded(data);
}

/** Outputs that one record causes, or none. */
function bound(into, record) {
  const source = record?.index;
  const to = (output, key, data) => void into.push({ output, key, data: bytesOf(data), source });
  return { to, json: (output, value) => to(output, record?.key ?? '', encoded(value)) };
}

/** The records of a Kinesis event, their data decoded. */
export const records = (event) => (event.Records ?? []).map(({ kinesis }, index) => {
  const data = Buffer.from(kinesis.data, 'base64');
  const arrived = kinesis.approximateArrivalTimestamp ?? 0;
  return { key: kinesis.partitionKey, sequence: kinesis.sequenceNumber, data, index, arrived, json: () => JSON.parse(data.toString()) };
});

function recordsOf(event) {
  if (!Array.isArray(event?.Records)) throw new TypeError('this handler takes the records of a stream, and the event has none');
  return records(event);
}

function read(record) {
  try {
    return record.json();
  } catch (error) {
    throw deadLetter(error, 'BadJson');
  }
}

function said(error, record) {
  if (error instanceof Chosen) return { action: error.action, kind: error.name, reason: error.message };
  const kind = error?.name ?? 'Error';
  const place = /at ([^\n]*)/.exec(error?.stack ?? '')?.[1];
  const reason = (error?.message ?? String(error)) + (place ? ` (at ${place})` : '');
  console.error(`${kind}: ${reason}, record ${record.index + 1}, key ${record.key}`);
  return { action: 'retry', kind, reason };
}

/** Runs `one` for each record in turn; after a failure, later records of its key are not run. */
function walk(all, one, then) {
  const [failed, keys] = [new Map(), new Set()];
  let at = 0;
  const fail = (record, error) => {
    if (error?.name === 'Refused') throw error;
    failed.set(record.index, said(error, record));
    keys.add(record.key);
  };
  const go = () => {
    while (at < all.length) {
      const record = all[at++];
      if (keys.has(record.key)) {
        failed.set(record.index, { action: 'not-tried', kind: 'NotTried', reason: 'an earlier record of the same key failed' });
        continue;
      }
      try {
        const done = one(record);
        if (isPromise(done)) return done.then(undefined, (error) => fail(record, error)).then(go);
      } catch (error) {
        fail(record, error);
      }
    }
    return then(failed);
  };
  return go();
}

const answer = (failed) => ({
  effects: 'attributed',
  batchItemFailures: [...failed].sort(([a], [b]) => a - b).map(([index, how]) => ({ index, ...how })),
});

/** `host` has `emit(output, key, data, source)`, `get`, `put` and `delete` by record and name. */
export function create(host) {
  const send = (out, failed) => {
    for (const { output, key, data, source } of out) if (!failed.has(source)) host.emit(output, key, data, source);
  };

  /** The whole batch; `out.deadLetter(record, why)` and its like say what failed. */
  const batch = (handle) => (event, context) => {
    const [all, into, failed] = [recordsOf(event), [], new Map()];
    const mark = (action, usual) => (record, reason, kind = usual) =>
      void failed.set(record.index, { action, kind, reason: reason instanceof Error ? reason.message : String(reason) });
    const out = {
      from: (record) => bound(into, record),
      fromNone: () => bound(into, undefined),
      deadLetter: mark('dead-letter', 'DeadLetter'),
      park: mark('park', 'Park'),
      retry: mark('retry', 'Retry'),
    };
    const done = () => {
      send(into, failed);
      return answer(failed);
    };
    const returned = handle(all, out, context);
    return isPromise(returned) ? returned.then(done) : done();
  };

  /** One record; what the handler returns goes to `default` under the same key. */
  const each = (handle) => (event, context) => {
    const out = [];
    const one = (record) => {
      const into = [];
      const effects = bound(into, record);
      const finish = (value) => {
        if (value !== undefined && value !== null) effects.json('default', value);
        out.push(...into);
      };
      const returned = handle(read(record), context, effects);
      return isPromise(returned) ? returned.then(finish) : finish(returned);
    };
    return walk(recordsOf(event), one, (failed) => {
      send(out, failed);
      return answer(failed);
    });
  };

  /** One record with the durable value of its key, changed in place; `initial` makes the first one. */
  const keyed = (initial, handle) => (event, context) => {
    const [out, slots] = [[], new Map()];
    const slot = (record) => {
      if (!slots.has(record.key)) {
        const stored = host.get(record.index, STATE_NAME);
        slots.set(record.key, { stored: stored === undefined ? undefined : Buffer.from(stored).toString() });
      }
      return slots.get(record.key);
    };
    const one = (record) => {
      const [kept, into] = [slot(record), []];
      const effects = bound(into, record);
      // Decoded anew for each record, so that one that fails changes nothing.
      const text = kept.good ?? kept.stored;
      const state = text === undefined ? initial() : JSON.parse(text);
      const finish = (value) => {
        if (value !== undefined && value !== null) effects.json('default', value);
        [kept.good, kept.source] = [JSON.stringify(state), record.index];
        out.push(...into);
      };
      const returned = handle(read(record), state, effects, context);
      return isPromise(returned) ? returned.then(finish) : finish(returned);
    };
    return walk(recordsOf(event), one, (failed) => {
      send(out, failed);
      for (const { stored, good, source } of slots.values()) {
        if (good !== undefined && good !== stored) host.put(source, STATE_NAME, good);
      }
      return answer(failed);
    });
  };

  return { batch, each, keyed, deadLetter, park, retry, records, emit: host.emit, get: host.get, put: host.put, delete: host.delete };
}
