import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FTP } from '../../lib/client/ftp';
import { scene } from '../support/client';
import { content } from '../support/server/content';
import type { FtpServer } from '../support/server/ftp-server';
import type { Step } from '../support/server/script';
import type { FtpServerOptions } from '../support/server/server-options';
import { sendChunks } from '../support/server/transfer';

export const SIZE = 400_000;
export const BYTES = content(SIZE).read(0, SIZE);
/** Retries without a pause. */
export const QUICK = { attempts: 3, backoff: 0 };

/** A server, a client of it that says it can do much at a time, and a local folder, for each test of a suite. */
export class FileScene {
  server!: FtpServer;
  ftp!: FTP;
  folder = '';
  /** For further servers and clients. */
  readonly stage = scene();

  constructor(options: () => FtpServerOptions) {
    beforeEach(async () => {
      this.folder = await mkdtemp(join(tmpdir(), 'ftplib-file-'));
      await this.serve(options());
    });
    afterEach(() => rm(this.folder, { recursive: true }));
  }

  async serve(options: FtpServerOptions): Promise<void> {
    this.server = await this.stage.serve(options);
    this.ftp = Object.assign(this.stage.client(this.server), { maxConnections: 64 }); // as a pool says it
  }

  /** The commands of that verb that the server has received. */
  sent(verb: string): string[] {
    return this.server.commands.filter((line) => line.startsWith(verb));
  }
}

export const normally: Step[] = [(session) => session.normal()];

/** Sends so many bytes from where REST says, and then loses the connection. */
export function sendThenReset(bytes: number, before = async (): Promise<void> => undefined): Step[] {
  return [
    async (session) => {
      const from = session.restart;
      const socket = await session.dataConnection();
      session.reply('150 go');
      await sendChunks(socket, [BYTES.subarray(from, from + bytes)]);
      await before();
      session.control.reset();
    },
  ];
}

/** Stores so many bytes of what comes, and then loses the connection. */
export function takeThenReset(bytes: number, end: Step = (session) => session.control.reset()): Step[] {
  return [
    async (session) => {
      const { argument, restart } = session;
      const socket = await session.dataConnection();
      session.reply('150 go');
      const file = session.server.openUpload(session.path(argument), restart);
      let left = bytes;
      await new Promise<void>((resolve) => {
        const take = (chunk: Buffer): void => {
          file.take(chunk.subarray(0, left));
          left -= Math.min(left, chunk.length);
          if (left === 0) resolve();
        };
        socket.on('data', take).resume();
      });
      socket.resetAndDestroy();
      await end(session);
    },
  ];
}
