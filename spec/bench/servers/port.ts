import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

const TRIES = 100;
const PAUSE = 50;

/** Below the ports that the kernel gives to connections, and apart from the lab's. */
const FIRST = 25_000;
const COUNT = 5000;

/** A port that nobody listens on now. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST + randomInt(COUNT);
    const server = createServer().listen(port, '127.0.0.1');
    const free = await once(server, 'listening').then(() => true, () => false);
    if (free) await once(server.close(), 'close');
    if (free) return port;
  }
}

/** Resolves when somebody accepts connections there. @throws Error after five seconds */
export async function answers(host: string, port: number): Promise<void> {
  for (let tries = 0; tries < TRIES; tries++) {
    if (await accepts(host, port)) return;
    await delay(PAUSE);
  }
  throw new Error(`nothing listens on ${host}:${port}`);
}

function accepts(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    socket.on('error', () => resolve(false)).on('connect', () => {
      socket.destroy();
      resolve(true);
    });
  });
}
