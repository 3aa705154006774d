import { connect, Socket } from 'node:net';
import { finished } from 'node:stream/promises';
import type { Readable, Writable } from 'node:stream';
import { FTP, FTPError, type ConnectionRequest, type FTPOptions, type RetrStream } from '../../lib/index';
import { assertNoLeaks, snapshot, type Snapshot } from './leaks';
import { FtpServer } from './server/ftp-server';
import { gate, type Gate } from './server/gate';
import type { Step } from './server/script';
import type { FtpServerOptions } from './server/server-options';

/** A server and its clients for one example; behind it nothing may be left open. */
export class Bench {
  #server: FtpServer | undefined;
  #clients: FTP[] = [];
  #before: Snapshot | undefined;
  #mark = 0;

  /** The server that was started last. */
  get server(): FtpServer {
    if (!this.#server) throw new Error('serve() first');
    return this.#server;
  }

  /** Starts the server, in the place of one that runs. */
  async serve(options: FtpServerOptions = {}): Promise<FtpServer> {
    await this.#server?.close();
    this.#mark = 0;
    return (this.#server = await FtpServer.start(options));
  }

  /** A client of the server; it connects and logs in by itself. */
  client(options: FTPOptions = {}): FTP {
    const { host, port } = this.server;
    const ftp = new FTP({ host, port, user: 'user', password: 'secret', timeout: 5000, ...options });
    this.#clients.push(ftp);
    return ftp;
  }

  /** A client that is logged in and has made a data connection, so that commands need not wait for the next one. */
  async warmClient(options: FTPOptions = {}): Promise<FTP> {
    this.server.write('/.warm', '');
    const ftp = this.client(options);
    await outcomeOf(ftp.retr('/.warm'));
    await ftp.noop(); // the 226 is in
    this.mark();
    return ftp;
  }

  /** From here on the transcript tells, and the server waits. */
  mark(): void {
    this.#mark = this.server.mark();
  }

  /** The commands that the server has received since the mark. */
  get transcript(): string[] {
    return this.server.commands.slice(this.#mark);
  }

  /** How often a client has logged in. */
  get logins(): number {
    return this.server.commands.filter((line) => line.startsWith('USER ')).length;
  }

  async begin(): Promise<void> {
    this.#before = await snapshot();
  }

  async end(): Promise<void> {
    for (const ftp of this.#clients.splice(0)) ftp.close();
    await this.#server?.close();
    this.#server = undefined;
    if (this.#before) await assertNoLeaks(this.#before);
  }
}

/** A bench for each example of the `describe` that this is called in. */
export function useBench(): Bench {
  const bench = new Bench();
  beforeEach(() => bench.begin());
  afterEach(() => bench.end());
  return bench;
}

/** Makes control connections at once, and data connections when `hold` resolves; till then they are being made. */
export function dialAfter(hold: () => Promise<unknown>, onDial: () => void = () => undefined): (request: ConnectionRequest) => Socket {
  return ({ host, port, purpose }) => {
    if (purpose === 'control') return connect({ host, port });
    const socket = Object.defineProperty(new Socket(), 'connecting', { value: true, configurable: true });
    void hold().then(() => {
      Reflect.deleteProperty(socket, 'connecting');
      socket.connect({ host, port });
      onDial();
    });
    return socket;
  };
}

/** Opens when the client has had a reply with this code. */
export function replied(ftp: FTP, code: number): Gate {
  const seen = gate();
  ftp.on('reply', (reply) => {
    if (reply.code === code) seen.open();
  });
  return seen;
}

/** Opens when the stream has received so many bytes; the stream must be read. */
export function received(stream: RetrStream, bytes: number): Gate {
  const seen = gate();
  stream.on('data', () => {
    if (stream.bytesRead >= bytes) seen.open();
  });
  return seen;
}

/** Reads the data connection to its end, and notes whether that was `FIN` or `RST`. */
export function hearEnd(heard: string[]): Step {
  return async (session) => {
    const socket = await session.dataConnection();
    await new Promise<void>((resolve) => {
      const note = (end: string): void => {
        heard.push(end);
        resolve();
      };
      // libuv tells an RST after bytes as an end; a connection that was reset has no peer any more.
      const { _handle: handle } = socket as unknown as { _handle: { getpeername(into: object): number } };
      socket.once('end', () => note(handle.getpeername({}) === 0 ? 'FIN' : 'RST'));
      socket.once('error', () => note('RST'));
      socket.resume();
    });
    socket.destroy();
  };
}

/** How a stream ended: whole, or with an error. */
export interface Outcome {
  readonly bytes: Buffer;
  readonly error: FTPError | undefined;
}

/** Reads a stream of bytes to its end, or to its error. */
export async function outcomeOf(stream: Readable): Promise<Outcome> {
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  const error = await errorOf(stream);
  return { bytes: Buffer.concat(chunks), error };
}

/** What a stream fails with; undefined when it ends or finishes. @throws what is no error of the library */
export async function errorOf(stream: Readable | Writable): Promise<FTPError | undefined> {
  try {
    await finished(stream);
    return undefined;
  } catch (error) {
    return ours(error);
  }
}

/** Resolves when the stream is closed, with or without an error. */
export function closing(stream: Readable | Writable): Promise<void> {
  return new Promise((resolve) => stream.once('close', () => resolve()));
}

/** What a promise rejects with. @throws when it resolves, or when the error is none of the library's */
export async function rejection(promise: Promise<unknown>): Promise<FTPError> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return ours(error);
}

function ours(error: unknown): FTPError {
  if (error instanceof FTPError) return error;
  throw new Error(`not an FTPError: ${String(error)}`, { cause: error });
}
