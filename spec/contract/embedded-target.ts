import { posix } from 'node:path';
import type { FTPOptions } from '../../lib/index';
import { certificate } from '../support/server/certificates';
import { content } from '../support/server/content';
import { FtpServer } from '../support/server/ftp-server';
import type { NodeInit } from '../support/server/nodes';
import type { FtpServerOptions } from '../support/server/server-options';
import type { Facts } from './facts';
import type { Disk, Target } from './target';

const SMALL = [0, 1, 100, 1000, 4000, 9000];

/** What the contract expects of the embedded server with these options; it runs from `start` to `stop`. */
export interface EmbeddedTarget extends Target {
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** @param root what the server calls the home, without the last slash */
export function embeddedTarget(name: string, facts: Facts, server: FtpServerOptions, { root = '', ...client }: FTPOptions & { root?: string } = {}): EmbeddedTarget {
  let running: FtpServer | undefined;
  const now = (): FtpServer => running ?? fail();
  const fail = (): never => {
    throw new Error('the server does not run');
  };
  return {
    name,
    facts,
    root,
    disk: diskOf(now, root),
    // Its port is known when it runs.
    get options(): FTPOptions {
      const security: FTPOptions = server.tls ? { secure: server.tls.mode ?? 'explicit', tls: { ca: certificate().cert } } : {};
      return { host: '127.0.0.1', port: running?.port ?? 0, user: 'user', password: 'secret', stallTimeout: 10_000, ...security, ...client };
    },
    async start() {
      running = await FtpServer.start({ files: home(root), ...server });
    },
    async stop() {
      await running?.close();
      running = undefined;
    },
  };
}

/** As a real server's home. */
function home(root: string): Record<string, NodeInit> {
  const files: Record<string, NodeInit> = { [`${root}/readme.txt`]: 'hello\n', [`${root}/10m.bin`]: content(10 * 1024 * 1024) };
  for (let number = 0; number < 300; number++) files[`${root}/small/${String(number).padStart(3, '0')}.bin`] = content(SMALL[number % SMALL.length] ?? 0, number % 7);
  return files;
}

function diskOf(server: () => FtpServer, root: string): Disk {
  const at = (path: string): string => posix.join('/', root, path);
  return {
    read: (path) => server().read(at(path)),
    write: (path, text) => server().write(at(path), text),
    mkdir: (path) => server().write(`${at(path)}/`, ''),
    names: (path) => server().files.names(at(path)),
    stat(path) {
      const { modified, mode } = server().files.follow(at(path)).node;
      return { mtime: modified, mtimeMs: modified.getTime(), mode };
    },
    remove: (path) => void server().files.delete(at(path)),
    path: at,
  };
}
