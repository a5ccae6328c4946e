// The host where there is none: what one invocation does is kept in memory for the bench that runs the handler.

let current;

/** Until the next call, `memory` is the host. */
export function become(memory) {
  current = memory;
}

function memory() {
  if (!current) throw new Error('there is no host here: run the handler with `bench` of "shardmill/testing"');
  return current;
}

export const host = {
  emit: (output, key, data, source) => memory().emit(output, key, data, source),
  get: (source, name) => memory().get(source, name),
  put: (source, name, value) => memory().put(source, name, value),
  delete: (source, name) => memory().put(source, name, undefined),
};
