import { expect } from 'chai';
import type { Socket } from 'node:net';
import { FTPError } from '../../lib/errors';
import { FTP } from '../../lib/client/ftp';
import type { FTPOptions } from '../../lib/options';
import { assertNoLeaks, snapshot, type Snapshot } from './leaks';
import { FtpServer } from './server/ftp-server';
import type { FtpServerOptions } from './server/server-options';

/** The servers and clients of one test; all are closed after it. */
export class Scene {
  readonly #servers: FtpServer[] = [];
  readonly #clients: FTP[] = [];

  /** A server that listens. */
  async serve(options: FtpServerOptions = {}): Promise<FtpServer> {
    const server = await FtpServer.start(options);
    this.#servers.push(server);
    return server;
  }

  /** A client that connects and logs in by itself. */
  client({ host, port }: { readonly host: string; readonly port: number }, options: FTPOptions = {}): FTP {
    const ftp = new FTP({ host, port, user: 'user', password: 'secret', ...options });
    this.#clients.push(ftp);
    return ftp;
  }

  /** A client that was connected and logged in by hand; the server's transcript begins after that. */
  async connect(server: FtpServer, options: FTPOptions = {}): Promise<FTP> {
    const ftp = this.client(server, options);
    await ftp.connect();
    await ftp.login();
    server.commands.length = 0;
    return ftp;
  }

  async close(): Promise<void> {
    for (const ftp of this.#clients.splice(0)) ftp.close();
    for (const server of this.#servers.splice(0)) await server.close();
  }
}

/** A scene for each test of the suite; behind it no socket or timer is left, and no rejection went unheard. */
export function scene(): Scene {
  const stage = new Scene();
  const unheard: unknown[] = [];
  const onUnheard = (reason: unknown): void => void unheard.push(reason);
  let before: Snapshot;

  beforeEach(async () => {
    unheard.length = 0;
    process.on('unhandledRejection', onUnheard);
    before = await snapshot();
  });

  afterEach(async () => {
    await stage.close();
    await assertNoLeaks(before);
    process.off('unhandledRejection', onUnheard);
    expect(unheard).to.deep.equal([]);
  });

  return stage;
}

/** The error that a promise rejects with. @throws Error when it does not */
export async function failure(promise: Promise<unknown>): Promise<FTPError> {
  const outcome = await promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  if (!('error' in outcome)) throw new Error(`expected a rejection, not ${String(outcome.value)}`);
  expect(outcome.error).to.be.instanceOf(FTPError);
  return outcome.error as FTPError;
}

/** A port on which nobody listens. None that is free by chance: another spec that runs at the same time may be given that one. */
export const CLOSED_PORT = 1;

/** A server that is not there. */
export const NOBODY = { host: '127.0.0.1', port: CLOSED_PORT } as const;

/** Keeps each write to a socket. */
export function tapped(socket: Socket, writes: Buffer[]): Socket {
  const write = socket.write.bind(socket) as (...args: unknown[]) => boolean;
  socket.write = (chunk: Uint8Array | string, ...rest: unknown[]) => {
    writes.push(Buffer.from(chunk as string));
    return write(chunk, ...rest);
  };
  return socket;
}
