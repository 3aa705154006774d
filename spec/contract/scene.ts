import { createHash } from 'node:crypto';
import { posix } from 'node:path';
import { finished } from 'node:stream/promises';
import { FTP, type FTPOptions, type StorStream } from '../../lib/index';
import type { Disk, DiskFile, Target } from './target';

/** A client in a folder of its own on a server; nothing outside that folder is written. */
export class Scene {
  /** The folder's name, below the server's home. */
  readonly folder: string;
  /** The folder as the server calls it. */
  readonly path: string;
  #ftp: FTP | undefined;

  constructor(
    readonly target: Target,
    title: string,
    readonly extra: FTPOptions = {},
  ) {
    this.folder = `contract-${process.pid}-${target.name}-${title}`.replaceAll(/[^\w-]+/g, '-');
    this.path = `${target.root}/${this.folder}`;
  }

  /** The client; it works in the folder. */
  get ftp(): FTP {
    if (!this.#ftp) throw new Error('the scene is not open');
    return this.#ftp;
  }

  /** A further client for the same server, in its home. */
  client(more: FTPOptions = {}): FTP {
    return new FTP({ ...this.target.options, ...this.extra, ...more });
  }

  async open(): Promise<void> {
    const ftp = this.client();
    this.#ftp = ftp;
    await ftp.mkd(this.asked(''));
    await ftp.cwd(this.path);
  }

  /** What a client in its home calls a file of the folder. */
  asked(name: string): string {
    return (this.target.facts.takesPaths ? `${this.path}/${name}` : `${this.folder}/${name}`).replace(/\/$/, '');
  }

  /** What the client in the folder calls a file of the home. */
  outside(name: string): string {
    return this.target.facts.takesPaths ? `${this.target.root}/${name}` : `../${name}`;
  }

  /** One folder up, for a client that is in one. */
  async up(ftp = this.ftp): Promise<unknown> {
    return this.target.facts.refuses.CDUP === undefined ? ftp.cdup() : ftp.cwd('..');
  }

  /** What `act` gives for a folder by its path; where the server lists no path, for the folder that the client is in meanwhile. */
  async within<T>(name: string, act: (path?: string) => Promise<T>): Promise<T> {
    if (this.target.facts.listsPaths) return act(`${this.path}/${name}`);
    await this.ftp.cwd(name);
    try {
      return await act();
    } finally {
      await this.up();
    }
  }

  async close(): Promise<void> {
    try {
      await this.#ftp?.quit();
    } finally {
      this.#ftp?.close();
      this.#disk.remove(this.folder);
    }
  }

  /** Uploads bytes and waits for the proof. */
  async put(name: string, bytes: Buffer | string, ftp = this.ftp): Promise<StorStream> {
    return send(ftp.stor(name), bytes);
  }

  /** Downloads a file. */
  async get(name: string, ftp = this.ftp): Promise<Buffer> {
    return collect(ftp.retr(name));
  }

  /** A file's bytes, past the server; the name as on the wire. */
  read(name: string): Buffer {
    return this.#disk.read(this.#place(name));
  }

  /** Makes a file, past the server. */
  write(name: string, content: string): void {
    this.#disk.write(this.#place(name), content);
  }

  /** Makes a folder, past the server. */
  mkdir(name: string): void {
    this.#disk.mkdir(this.#place(name));
  }

  /** The time and the permissions of a file, past the server. */
  stat(name: string): DiskFile {
    return this.#disk.stat(this.#place(name));
  }

  /** The names on disk. */
  names(below = ''): string[] {
    return this.#disk.names(posix.join(this.folder, below)).sort();
  }

  /** The bytes of a file of the home, past the server. */
  readHome(name: string): Buffer {
    return this.#disk.read(name);
  }

  get #disk(): Disk {
    return this.target.disk;
  }

  #place(name: string): string {
    return posix.join(this.folder, this.target.facts.stored(name));
  }
}

/** Runs a suite in a folder of its own. */
export function onScene(target: Target, title: string, extra: FTPOptions, suite: (scene: Scene) => void): void {
  describe(title, () => {
    const scene = new Scene(target, title, extra);
    before(() => scene.open());
    after(() => scene.close());
    suite(scene);
  });
}

/** Writes all and waits for `finish`. */
export async function send<S extends StorStream>(stream: S, data: Buffer | string): Promise<S> {
  stream.end(data);
  await finished(stream);
  return stream;
}

/** All bytes of a stream. */
export async function collect(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** All items of a stream. */
export async function list<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of stream) items.push(item);
  return items;
}

/** The checksum that two copies share. */
export function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Bytes in which every cut and every shift shows; the same memory each time, for making megabytes of them takes longer than sending them. */
export function pattern(bytes: number): Buffer {
  if (longest.length < bytes) longest = patternOf(bytes);
  return longest.subarray(0, bytes);
}

let longest: Buffer = Buffer.alloc(0);

function patternOf(bytes: number): Buffer {
  const words = new Uint32Array(Math.ceil(bytes / 4));
  for (let index = 0; index < words.length; index++) words[index] = Math.imul(index * 4, 2654435761) ^ (index * 4);
  return Buffer.from(words.buffer);
}
