import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FtpServer } from '../support/server/ftp-server';
import type { FtpServerOptions } from '../support/server/server-options';

/** The local file that examples upload. */
export const PHOTO = Buffer.from(Array.from({ length: 70_000 }, (_, i) => (i * 7) & 0xff));

/** A server, and the working folder of an example, for each test of a suite: the examples name files as a reader would. */
export class Home {
  server!: FtpServer;
  folder = '';

  constructor(start: () => Promise<FtpServer>) {
    const before = process.cwd();
    beforeEach(async () => {
      this.server = await start();
      this.folder = await mkdtemp(join(tmpdir(), 'ftplib-examples-'));
      await writeFile(join(this.folder, 'photo.jpg'), PHOTO);
      process.chdir(this.folder);
    });
    afterEach(async () => {
      process.chdir(before);
      await rm(this.folder, { recursive: true });
      await this.server.close();
    });
  }
}

/** A server as the examples know it. */
export function startServer(options: FtpServerOptions): Promise<FtpServer> {
  return FtpServer.start({ users: { user: 'secret' }, ...options });
}

export function urlOf({ port }: FtpServer): string {
  return `ftp://user:secret@127.0.0.1:${port}`;
}

/** What `console.log` is told meanwhile. */
export async function capture(act: () => Promise<unknown>): Promise<string[]> {
  const { log } = console;
  const printed: string[] = [];
  console.log = (...words: unknown[]) => void printed.push(words.join(' '));
  try {
    await act();
  } finally {
    console.log = log;
  }
  return printed;
}
