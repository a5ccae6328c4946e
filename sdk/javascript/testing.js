// A handler under test: records in, and everything it did out, without WebAssembly and without a server. A bench commits as the
// host does: what a failed record did is dropped. With a handler that returns a promise, `put` and `batch` return one too.
import { bytesOf } from './handlers.js';
import { become } from './memory.js';

const isPromise = (value) => typeof value?.then === 'function';

/** `outputs`, where given, are all that the trigger has. */
export function bench(handler, { outputs: granted } = {}) {
  const [outputs, values] = [new Map(), new Map()];
  let count = 0;

  function run(batch, again) {
    const [emitted, written] = [[], []];
    const at = (source, name) => `${batch[source].key}\0${name}`;
    const call = () => become({
      emit(output, key, data, source) {
        if (granted && !granted.includes(output)) throw new Error(`output \`${output}\` is not among those of the bench`);
        const bytes = Buffer.from(bytesOf(data));
        emitted.push({ output, source, record: { key, data: bytes, text: () => bytes.toString(), json: () => JSON.parse(bytes.toString()) } });
      },
      get: (source, name) => written.findLast((one) => one.at === at(source, name))?.value ?? values.get(at(source, name)),
      put: (source, name, value) => void written.push({ at: at(source, name), source, value: value === undefined ? undefined : Buffer.from(bytesOf(value)) }),
    });
    const fault = (error) => ({ failed: [], fault: error });
    const commit = (answer) => {
      become(undefined);
      const failed = failures(answer, batch);
      const attributed = answer?.effects === 'attributed' && emitted.every(({ source }) => source !== undefined);
      if (failed.length > 0 && !attributed) {
        // Nobody knows which effect is whose: the good records before the first failure run alone.
        const good = batch.slice(0, failed[0].index);
        const ran = again && good.length > 0 ? run(good, false) : undefined;
        return isPromise(ran) ? ran.then(() => ({ failed, answer })) : { failed, answer };
      }
      const bad = new Set(failed.map(({ index }) => index));
      for (const { output, source, record } of emitted) {
        if (!bad.has(source)) outputs.set(output, [...(outputs.get(output) ?? []), record]);
      }
      for (const one of written) {
        if (bad.has(one.source)) continue;
        if (one.value === undefined) values.delete(one.at);
        else values.set(one.at, one.value);
      }
      return { failed, answer };
    };
    try {
      call();
      const returned = handler({ Records: batch.map(record) }, CONTEXT);
      return isPromise(returned) ? returned.then(commit, fault) : commit(returned);
    } catch (error) {
      return fault(error);
    }
  }

  const batch = (records) => run(records.map(([key, data]) => ({ key, data: Buffer.from(bytesOf(data)), number: ++count })), true);
  return {
    batch,
    put: (key, data) => batch([[key, data]]),
    outputs: (name = 'default') => outputs.get(name) ?? [],
    state: (key, name = 'value') => {
      const value = values.get(`${key}\0${name}`);
      return value === undefined ? undefined : JSON.parse(value.toString());
    },
  };
}

const CONTEXT = {
  functionName: 'bench',
  functionVersion: '1',
  awsRequestId: 'bench',
  memoryLimitInMB: '128',
  invokedFunctionArn: 'arn:aws:lambda:us-east-1:000000000000:function:bench',
  getRemainingTimeInMillis: () => 3000,
};

const record = ({ key, data, number }) => ({
  kinesis: {
    kinesisSchemaVersion: '1.0',
    partitionKey: key,
    sequenceNumber: String(number),
    data: data.toString('base64'),
    approximateArrivalTimestamp: number,
  },
  eventSource: 'aws:kinesis',
  eventID: `shardId-000000000000:${number}`,
  eventName: 'aws:kinesis:record',
});

const failures = (answer, batch) => (answer?.batchItemFailures ?? []).map((item) => ({
  index: item.index ?? batch.findIndex(({ number }) => String(number) === item.itemIdentifier),
  action: item.action ?? 'retry',
  kind: item.kind ?? 'BatchItemFailure',
  reason: item.reason ?? 'named in batchItemFailures',
})).sort((a, b) => a.index - b.index);
