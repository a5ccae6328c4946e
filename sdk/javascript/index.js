// The module `shardmill` outside of a sandbox, for tests. Within one, the runtime is the module.
import { create } from './handlers.js';
import { host } from './memory.js';

const sdk = create(host);
export const { batch, each, keyed, deadLetter, park, retry, records, emit, get, put } = sdk;
const remove = sdk.delete;
export { remove as delete };
