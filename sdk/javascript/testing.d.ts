// The bench that runs a handler in a test.
import type { Handler } from "shardmill";

export interface Failure {
  index: number;
  action: "retry" | "dead-letter" | "park" | "not-tried";
  kind: string;
  reason: string;
}

export interface Reply {
  failed: Failure[];
  /** What the whole invocation threw; nothing of it was kept. */
  fault?: any;
  answer?: any;
}

export interface Output {
  key: string;
  data: Buffer;
  text(): string;
  json(): any;
}

export interface Bench {
  /** Runs a batch of one record; a promise where the handler returns one. */
  put(key: string, data: Uint8Array | string | object): any;
  batch(records: [string, Uint8Array | string | object][]): any;
  outputs(name?: string): Output[];
  state(key: string, name?: string): any;
}

export function bench(handler: Handler, options?: { outputs?: string[] }): Bench;
