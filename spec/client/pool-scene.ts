import { once } from 'node:events';
import { FTPPool, type FTPPoolOptions } from '../../lib/client/pool';
import { scene, type Scene } from '../support/client';
import type { FtpServer } from '../support/server/ftp-server';

/** A scene with pools, which are closed after each test. */
export interface PoolScene {
  readonly stage: Scene;
  pool(server: { readonly host: string; readonly port: number }, options?: FTPPoolOptions): FTPPool;
}

export function poolScene(): PoolScene {
  const pools: FTPPool[] = [];
  // Registered before the scene's own, which looks for what is left open.
  afterEach(() => {
    for (const pool of pools.splice(0)) pool.close();
  });
  const stage = scene();
  return {
    stage,
    pool({ host, port }, options = {}) {
      const pool = new FTPPool({ host, port, user: 'user', password: 'secret', ...options });
      pools.push(pool);
      return pool;
    },
  };
}

/** How many logins there were. */
export function loginsOf(server: FtpServer): number {
  return server.commands.filter((line) => line.startsWith('PASS')).length;
}

/** Resolves when the verb has come so many times, also when it has come already. */
export async function seen(server: FtpServer, verb: string, times: number): Promise<void> {
  while (server.commands.filter((line) => line.startsWith(verb)).length < times) await once(server, 'command');
}

/** Resolves when it is so, which takes no more than some thousand turns of the event loop. @throws Error when it does not come about */
export async function comesAbout(what: () => boolean): Promise<void> {
  for (let turn = 0; turn < PATIENCE; turn++) {
    if (what()) return;
    await new Promise(setImmediate);
  }
  throw new Error(`it does not come about: ${String(what)}`);
}
const PATIENCE = 20_000;
