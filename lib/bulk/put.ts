import { Readable, Transform, type TransformCallback } from 'node:stream';
import { ArgumentError, ChangedError } from '../errors';
import { checkNames, checkOffset, type OptionNames } from '../options';
import { Backoff, type RetryOptions } from '../transfer/retry';
import { type TemporaryName, temporaryPaths } from '../transfer/temporary-name';
import { LocalSource } from './local-file';
import { checkTraffic, Traffic, type TrafficOptions } from './progress';
import type { Remote } from './remote';
import { FileUpload, type UploadSource, UploadTarget } from './upload';
import { asWork } from './work';

/** What `put` uploads: the path of a local file, bytes, a function that gives the bytes from an offset on, or a stream, which can be read once only. */
export type PutSource = string | Uint8Array | ((offset: number) => Readable) | Readable;

/** What `put` can be told. */
export interface PutOptions extends TrafficOptions {
  /** How it goes on after a loss; default true, that is 5 attempts; a number of attempts; false for a source that can be read once only. */
  retry?: RetryOptions | number | boolean;
  /**
   * Goes on with what an earlier call with `resume` has left on the server, and leaves what there is on a failure; default false. It begins anew
   * where our file was changed since; where that was within a second, or the server does not say when it has written, it reads back what is there.
   */
  resume?: boolean;
  /**
   * Upload under another name in the same folder, and rename when all is there, so that nobody sees half a file; default true: `.name.part`
   * with `resume`, else a new name each time. False: under its own name; a function makes the other name of the name.
   */
  temporaryName?: TemporaryName;
  /**
   * Compares the size on the server with ours, or also a hash that the server computes. Default: nothing for an upload in one go; where it was
   * continued the size, and what the server has at the beginning and where it was continued, as far as it gives that back; where an earlier call has begun it
   * also a hash, if the server offers one. What is wrong is uploaded anew.
   */
  verify?: 'size' | 'hash' | false;
  /** Bytes of a source that is a function or a stream, where that is known. */
  size?: number;
  /** Ends it with an AbortError. */
  signal?: AbortSignal;
}

const PUT_OPTIONS: OptionNames<PutOptions> = {
  retry: true, resume: true, temporaryName: true, verify: true, size: true, signal: true, throttle: true, progress: true,
};

/** An upload that is complete. */
export interface PutResult {
  readonly path: string;
  /** Of the whole file. */
  readonly bytes: number;
  /** Bytes of it that were there before. */
  readonly resumedFrom: number;
  /** How often it went on after a loss. */
  readonly retries: number;
  /** Milliseconds that it took. */
  readonly ms: number;
}

/**
 * Uploads what can be read again from any byte on: a local file by its path, bytes, or a function that gives a Readable from an offset on.
 * After a loss it asks how much the server has, and goes on from there; it resolves when the server has all of it under its name.
 *
 * @throws ArgumentError; PermanentError when the server refuses; ChangedError when the source does not stay the same; MismatchError when
 * the server has something else than we sent; else what the last attempt failed with
 */
export async function put(remote: Remote, source: PutSource, path: string, options: PutOptions = {}): Promise<PutResult> {
  checkNames(options, PUT_OPTIONS);
  const { retry = true, resume = false, temporaryName = true, verify, size, signal } = options;
  if (typeof path !== 'string' || path === '' || path.endsWith('/')) throw new ArgumentError('the path must be that of a file');
  if (![undefined, false, 'size', 'hash'].includes(verify)) throw new ArgumentError(`verify must be 'size', 'hash' or false, not ${String(verify)}`);
  if (typeof temporaryName !== 'boolean' && typeof temporaryName !== 'function') throw new ArgumentError('temporaryName must be true, false or a function');
  if (size !== undefined) checkOffset('size', size);
  const backoff = new Backoff(retry === false ? 0 : retry);
  checkSource(source, options);
  checkTraffic(options);
  const traffic = new Traffic(options);
  const begun = performance.now();
  return asWork(remote, signal, async (ended) => {
    const opened = await openSource(source, size);
    traffic.expect(opened.size);
    try {
      const target = new UploadTarget({ remote, path, temporaryPath: temporaryPaths(path, temporaryName, resume ? 'same' : 'new'), deletesOwnName: false });
      const done = await new FileUpload({ remote, source: opened, target, backoff, traffic, resume, verify, signal: ended }).run();
      traffic.finish();
      return { path, ...done, ms: performance.now() - begun };
    } finally {
      traffic.stop();
      await opened.close();
    }
  });
}

function checkSource(source: unknown, { retry, resume }: PutOptions): void {
  if (source instanceof Readable) {
    if (retry !== false || resume) throw new ArgumentError('a stream cannot be read again: give put a path, bytes or a function, or say retry: false, and not resume');
  } else if (typeof source !== 'string' && typeof source !== 'function' && !(source instanceof Uint8Array)) {
    throw new ArgumentError('put takes a local path, bytes, a function (offset) => Readable, or a Readable');
  }
}

/** Bytes of a Buffer that are handed on at a time. */
const CHUNK = 256 * 1024;

/** @throws ArgumentError for what is no source, and for a path that is not that of a file */
async function openSource(source: PutSource, size: number | undefined): Promise<UploadSource> {
  if (typeof source === 'string') return LocalSource.open(source);
  const read = readerOf(source);
  const exact = source instanceof Uint8Array ? undefined : size;
  return {
    size: source instanceof Uint8Array ? source.length : size,
    modified: undefined,
    read: (offset) => [read(offset), ...(exact === undefined ? [] : [new ExactLength(exact - offset)])],
    bytes: (start, end) => firstOf(read(start), end - start),
    check: async () => undefined,
    close: async () => undefined,
  };
}

function readerOf(source: Exclude<PutSource, string>): (offset: number) => Readable {
  if (source instanceof Uint8Array) return (offset) => Readable.from(piecesOf(source, offset), { objectMode: false });
  if (source instanceof Readable) return () => source;
  return (offset) => {
    const stream: unknown = source(offset);
    if (!(stream instanceof Readable)) throw new ArgumentError('a source function must return a Readable of the bytes from the offset on');
    return stream;
  };
}

function* piecesOf(bytes: Uint8Array, offset: number): Generator<Buffer> {
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = offset; at < all.length; at += CHUNK) yield all.subarray(at, at + CHUNK);
}

/** So many bytes of a stream, which is then done with. */
async function firstOf(stream: Readable, length: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream) {
    chunks.push(Buffer.from(chunk as Uint8Array));
    bytes += (chunk as Uint8Array).length;
    if (bytes >= length) break;
  }
  return Buffer.concat(chunks).subarray(0, length);
}

/** Ends with an error where bytes are missing or too many: the server would take the end of the stream for the end of the file. */
class ExactLength extends Transform {
  #left: number;

  constructor(private readonly bytes: number) {
    super();
    this.#left = bytes;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, callback: TransformCallback): void {
    this.#left -= chunk.length;
    if (this.#left < 0) callback(new ChangedError(`the source has more than the ${this.bytes} bytes that were due`));
    else callback(null, chunk);
  }

  override _flush(callback: TransformCallback): void {
    callback(this.#left > 0 ? new ChangedError(`the source ended ${this.#left} bytes short of the ${this.bytes} that were due`) : null);
  }
}
