import type { Socket } from 'node:net';
import { setImmediate as turn, setTimeout as pause } from 'node:timers/promises';
import type { Direction, Link, Plan, Trigger } from './plan';

/** Rewrites what passes; an empty result keeps the bytes back until more come. */
export type Rewrite = (direction: Direction, chunk: Buffer | undefined) => Promise<Buffer>;

const NOTHING = Buffer.alloc(0);
const DEFAULT_AMOUNT = 20;

/** One connection through the proxy: two sockets, two directions, and the faults on them. */
export class Relay {
  /** Resolves when the client has closed its side, or the connection was cut from ours. */
  readonly clientGone: Promise<void>;
  #state: 'live' | 'frozen' | 'cut' = 'live';
  readonly #count: Record<Direction, number> = { toClient: 0, toServer: 0 };
  readonly #thaw: Promise<void>;
  #release: () => void = () => undefined;

  constructor(
    readonly on: Link,
    readonly client: Socket,
    readonly server: Socket,
    private readonly trigger: Trigger,
    private readonly rewrite: Rewrite | undefined,
  ) {
    this.#thaw = new Promise((resolve) => (this.#release = resolve));
    client.setNoDelay(true).on('error', ignore);
    server.setNoDelay(true).on('error', ignore);
    this.clientGone = this.#pump('toServer', client, server);
    void this.#pump('toClient', server, client);
  }

  /** False once a fault has ended or frozen it, or both sides have closed it. */
  get live(): boolean {
    return this.#state === 'live' && !(this.client.destroyed && this.server.destroyed);
  }

  /** Counts from here. */
  recount(): void {
    this.#count.toClient = this.#count.toServer = 0;
  }

  /** The server is cut off, and what the client still sends goes nowhere. */
  discard(): void {
    this.#state = 'cut';
    this.#release();
    this.server.destroy();
  }

  async #pump(direction: Direction, source: Socket, target: Socket): Promise<void> {
    try {
      await this.#send(direction, NOTHING, source, target);
      for await (const chunk of source.iterator({ destroyOnReturn: false })) {
        await this.#send(direction, this.rewrite ? await this.rewrite(direction, chunk as Buffer) : (chunk as Buffer), source, target);
      }
      if (this.rewrite) await this.#send(direction, await this.rewrite(direction, undefined), source, target);
      if (this.#state === 'frozen') await this.#thaw;
      if (this.#state === 'live') target.end();
      else source.destroy();
    } catch {
      // a connection that one side resets is reset on the other
      if (this.#state === 'frozen') await this.#thaw;
      if (this.#state === 'live') target.resetAndDestroy();
      source.destroy();
    }
  }

  async #send(direction: Direction, bytes: Buffer, source: Socket, target: Socket): Promise<void> {
    if (this.#state === 'frozen') await this.#thaw;
    if (this.#state === 'cut') return;
    const from = this.#count[direction];
    const to = (this.#count[direction] = from + bytes.length);
    this.trigger.traffic[this.on][direction] += bytes.length;
    const plan = this.trigger.due(this.on, direction, from, to);
    if (!plan) return write(target, bytes);
    await write(target, this.#before(plan, bytes.subarray(0, plan.at - from)));
    await this.#suffer(plan, bytes.subarray(plan.at - from), source, target);
  }

  /** When the rest never comes, vsftpd 3.0.3 and ProFTPD 1.3.8 run what they have of a line: MKD with half a name. So it stays here. */
  #before({ kind, direction }: Plan, bytes: Buffer): Buffer {
    const ends = kind === 'fin' || kind === 'rst' || kind === 'freeze';
    return ends && this.on === 'control' && direction === 'toServer' ? bytes.subarray(0, bytes.lastIndexOf(0x0a) + 1) : bytes;
  }

  async #suffer({ kind, amount = DEFAULT_AMOUNT }: Plan, rest: Buffer, source: Socket, target: Socket): Promise<void> {
    switch (kind) {
      case 'fin':
        this.#state = 'cut';
        target.end();
        // Its bytes are no longer taken; a sender of data that were told so by FIN could not know that they are lost.
        if (this.on === 'data') source.resetAndDestroy();
        else source.end();
        return;
      case 'rst':
        this.#state = 'cut';
        target.resetAndDestroy();
        source.resetAndDestroy();
        return;
      case 'freeze':
        this.#state = 'frozen';
        return this.#thaw;
      case 'delay':
        await pause(amount);
        return this.#state === 'live' ? write(target, rest) : undefined;
      case 'split':
        for (const byte of rest.subarray(0, amount)) {
          await write(target, Buffer.of(byte));
          await turn();
        }
        return write(target, rest.subarray(amount));
      case 'corrupt': {
        const flipped = Buffer.from(rest);
        flipped[0] = (flipped[0] ?? 0) ^ 0x80;
        return write(target, flipped);
      }
    }
  }
}

/** Writes and waits while the other side takes no more. */
async function write(target: Socket, bytes: Buffer): Promise<void> {
  if (bytes.length === 0 || !target.writable || target.write(bytes)) return;
  await new Promise<void>((resolve) => {
    const settle = (): void => {
      target.off('drain', settle).off('close', settle);
      resolve();
    };
    target.once('drain', settle).once('close', settle);
  });
}

function ignore(): void {
  // the pump that reads this socket is told
}
