import type { Socket } from 'node:net';
import { setImmediate as turn, setTimeout as pause } from 'node:timers/promises';
import type { Direction, Link, Plan, Trigger } from './plan';

/** Rewrites what passes; an empty result keeps the bytes back until more come. */
export type Rewrite = (direction: Direction, chunk: Buffer | undefined) => Promise<Buffer>;

const NOTHING = Buffer.alloc(0);
const DEFAULT_AMOUNT = 20;
const [CR, LF] = [0x0d, 0x0a];

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
      if (this.#state === 'live') reset(target);
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
    const at = this.#within(plan, bytes, plan.at - from);
    await write(target, bytes.subarray(0, at));
    await this.#suffer(plan, bytes.subarray(at), source, target);
  }

  /**
   * Where the fault is made. When the rest never comes, vsftpd 3.0.3 and ProFTPD 1.3.8 run what they have of a line: MKD with
   * half a name. And ProFTPD takes a CR and an LF that come in two segments, and the next command, for a part of the name.
   */
  #within({ kind, direction }: Plan, bytes: Buffer, at: number): number {
    if (this.on !== 'control' || direction !== 'toServer' || kind === 'corrupt') return at;
    if (kind === 'split' || kind === 'delay') return bytes[at - 1] === CR ? at + 1 : at;
    return bytes.subarray(0, at).lastIndexOf(LF) + 1;
  }

  async #suffer({ kind, amount = DEFAULT_AMOUNT }: Plan, rest: Buffer, source: Socket, target: Socket): Promise<void> {
    switch (kind) {
      case 'fin':
        this.#state = 'cut';
        // Its bytes are no longer taken; a sender of data that were told so by FIN, or after the server's 226, could not know that they are lost.
        if (this.on === 'data') await gone(reset(source));
        else source.end();
        target.end();
        return;
      case 'rst':
        this.#state = 'cut';
        reset(target);
        reset(source);
        return;
      case 'freeze':
        this.#state = 'frozen';
        return this.#thaw;
      case 'delay':
        await pause(amount);
        return this.#state === 'live' ? write(target, rest) : undefined;
      case 'split':
        for (let at = 0, end: number; at < rest.length; at = end) {
          end = at >= amount ? rest.length : at + (rest[at] === CR ? 2 : 1);
          await write(target, rest.subarray(at, end));
          await turn();
        }
        return;
      case 'corrupt': {
        const flipped = Buffer.from(rest);
        flipped[0] = (flipped[0] ?? 0) ^ 0x80;
        return write(target, flipped);
      }
    }
  }
}

/** RST. Behind an end that still waits to leave, libuv refuses it (EINVAL), and Node then never closes the socket. */
function reset(socket: Socket): Socket {
  if (socket.writableEnded && !socket.writableFinished && !socket.destroyed) return socket.once('finish', () => socket.resetAndDestroy());
  return socket.resetAndDestroy();
}

async function gone(socket: Socket): Promise<void> {
  if (!socket.closed) await new Promise((resolve) => socket.once('close', resolve));
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
