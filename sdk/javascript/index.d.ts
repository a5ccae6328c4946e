// What the module `shardmill` gives to handlers.

/** One record of a stream. */
export interface Record<T = any> {
  readonly key: string;
  readonly sequence: string;
  readonly data: Buffer;
  /** Its place in the batch. */
  readonly index: number;
  /** When it was put, in seconds since 1970. */
  readonly arrived: number;
  json(): T;
}

export interface Context {
  readonly functionName: string;
  readonly functionVersion: string;
  readonly awsRequestId: string;
  readonly memoryLimitInMB: string;
  readonly invokedFunctionArn: string;
  getRemainingTimeInMillis(): number;
}

/** Outputs that one record causes. */
export interface Outputs {
  /** Bytes and text go out as they are, anything else as JSON. */
  to(output: string, key: string, data: Uint8Array | string | object): void;
  /** A value as JSON, under the record's own key. */
  json(output: string, value: unknown): void;
}

/** The outputs of a whole batch, and what failed of it. */
export interface BatchOutputs {
  from(record: Record): Outputs;
  /** An output that no record caused: it forbids partial success. */
  fromNone(): Outputs;
  deadLetter(record: Record, reason: unknown, kind?: string): void;
  park(record: Record, reason: unknown, kind?: string): void;
  retry(record: Record, reason: unknown, kind?: string): void;
}

export type Handler = (event: any, context?: any) => any;
type May<T> = T | undefined | null | void;

export function batch(handle: (records: Record[], out: BatchOutputs, context: Context) => void | Promise<void>): Handler;
export function each<T = any, R = unknown>(handle: (body: T, context: Context, out: Outputs) => May<R> | Promise<May<R>>): Handler;
export function keyed<S, T = any, R = unknown>(
  initial: () => S,
  handle: (body: T, state: S, out: Outputs, context: Context) => May<R> | Promise<May<R>>,
): Handler;

/** To be thrown: the record goes to the dead-letter store at once. */
export function deadLetter(reason: unknown, kind?: string): Error;
/** To be thrown: the key is set aside. */
export function park(reason: unknown, kind?: string): Error;
/** To be thrown: the trigger's retry policy decides, with a kind for `retry.classes`. */
export function retry(reason: unknown, kind?: string): Error;

/** The records of a Kinesis event, for handlers that take events. */
export function records(event: any): Record[];
export function emit(output: string, key: string, data: Uint8Array | string | object, source?: number): void;
export function get(source: number, name: string): Buffer | undefined;
export function put(source: number, name: string, value: Uint8Array | string | object): void;
declare function remove(source: number, name: string): void;
export { remove as delete };
