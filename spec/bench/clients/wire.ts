import { once } from 'node:events';
import type { Socket } from 'node:net';
import * as tls from 'node:tls';

/** A control connection by hand: lines out, replies in, in order. */
export class Wire {
  #socket: Socket;
  #options: tls.ConnectionOptions = {};
  #session: Buffer | undefined;
  #rest = '';
  readonly #replies: string[] = [];
  readonly #waiting: ((reply: string) => void)[] = [];

  constructor(socket: Socket) {
    this.#socket = socket;
    this.#listen();
  }

  send(line: string): void {
    this.#socket.write(`${line}\r\n`);
  }

  /** The last line of the next reply. */
  reply(): Promise<string> {
    const known = this.#replies.shift();
    return known === undefined ? new Promise((resolve) => this.#waiting.push(resolve)) : Promise.resolve(known);
  }

  exec(line: string): Promise<string> {
    this.send(line);
    return this.reply();
  }

  /** Goes on in TLS. */
  async upgrade(options: tls.ConnectionOptions): Promise<void> {
    this.#options = options;
    this.#socket.removeAllListeners('data');
    const secured = tls.connect({ ...options, socket: this.#socket });
    secured.on('session', (session) => (this.#session = session));
    await once(secured, 'secureConnect');
    this.#socket = secured;
    this.#listen();
  }

  /** TLS on a data connection that is made, with the session of this one. */
  async secure(raw: Socket): Promise<Socket> {
    const secured = tls.connect({ ...this.#options, socket: raw, ...(this.#session ? { session: this.#session } : {}) });
    await once(secured, 'secureConnect');
    return secured;
  }

  close(): void {
    this.#socket.end('QUIT\r\n');
  }

  #listen(): void {
    this.#socket.on('data', (chunk: Buffer) => {
      const lines = (this.#rest + chunk.toString('latin1')).split('\r\n');
      this.#rest = lines.pop() ?? '';
      for (const line of lines) {
        if (!/^\d{3} /.test(line)) continue;
        const waiting = this.#waiting.shift();
        if (waiting) waiting(line);
        else this.#replies.push(line);
      }
    });
  }
}
