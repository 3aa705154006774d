import { constants, type BigIntStats } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { Readable, Transform, type TransformCallback } from 'node:stream';
import { ArgumentError, ChangedError } from '../errors';
import { RangeReader } from './range-reader';

/** What `put` uploads: the path of a local file, bytes, a function that gives the bytes from an offset on, or a stream, which can be read once only. */
export type PutSource = string | Uint8Array | ((offset: number) => Readable) | Readable;

/** A source that is open. */
export interface OpenSource {
  /** Bytes of all of it; undefined where that shows at its end only. */
  readonly size: number | undefined;
  /** When a file was last written, as `Date.getTime()`. */
  readonly modified: number | undefined;
  /** What the source is read through, from that byte on; each ends with an error rather than short. */
  read(offset: number): (Readable | Transform)[];
  /** Some of its bytes; `end` is not included. */
  bytes(start: number, end: number): Promise<Buffer>;
  /** Another attempt is only of use while the source is the same. @throws ChangedError */
  check(): Promise<void>;
  close(): Promise<void>;
}

/** Bytes of a Buffer that are handed on at a time. */
const PIECE = 256 * 1024;

/** @throws ArgumentError for what is no source, and for a path that is not that of a file */
export async function openSource(source: PutSource, size: number | undefined): Promise<OpenSource> {
  if (typeof source === 'string') return FileSource.open(source);
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
  for (let at = offset; at < all.length; at += PIECE) yield all.subarray(at, at + PIECE);
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

/** A FIFO without a writer would never be open otherwise; Windows has neither. */
const READ = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

/** A local file, held open so that every attempt reads the same one, whatever becomes of its name. */
class FileSource implements OpenSource {
  private constructor(
    private readonly path: string,
    private readonly file: FileHandle,
    /** What must not change while it is uploaded: the size, the time to the nanosecond, the file itself. */
    private readonly identity: BigIntStats,
  ) {}

  static async open(path: string): Promise<FileSource> {
    const file = await open(path, READ);
    try {
      const identity = await file.stat({ bigint: true });
      if (!identity.isFile()) throw new ArgumentError(`${path} is not a file`);
      return new FileSource(path, file, identity);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  get size(): number {
    return Number(this.identity.size);
  }

  get modified(): number {
    return Number(this.identity.mtimeMs);
  }

  read(offset: number): (Readable | Transform)[] {
    return [new RangeReader(this.file, offset, this.size), new ExactLength(this.size - offset)];
  }

  async bytes(start: number, end: number): Promise<Buffer> {
    return firstOf(new RangeReader(this.file, start, end), end - start);
  }

  async check(): Promise<void> {
    const { size, mtimeNs, ino } = await this.file.stat({ bigint: true });
    const { identity } = this;
    if (size !== identity.size || mtimeNs !== identity.mtimeNs || ino !== identity.ino) throw new ChangedError(`${this.path} was changed while it was uploaded`);
  }

  async close(): Promise<void> {
    await this.file.close();
  }
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
