import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls';
import type { FtpServer } from './server/ftp-server';
import { TlsLayer } from './server/tls-layer';

/** An FTP client that knows nothing but lines: for specs of the server, which must not believe the library. */
export class RawClient {
  #stream: Duplex;
  #text = '';
  #replies: string[] = [];
  #wake: () => void = () => undefined;
  #gone = false;
  #layer: TlsLayer | undefined;
  /** What came, chunk by chunk. */
  readonly chunks: string[] = [];

  private constructor(
    readonly server: FtpServer,
    readonly socket: Socket,
  ) {
    this.#stream = socket;
  }

  /** Connected, with nothing read yet. */
  static async connect(server: FtpServer, tls?: ConnectionOptions): Promise<RawClient> {
    const socket = connect({ port: server.port, host: server.host, noDelay: true });
    const client = new RawClient(server, socket);
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    if (tls) await client.secure(tls);
    else client.#listen(socket);
    return client;
  }

  /** Connected and logged in, in TYPE I. */
  static async login(server: FtpServer): Promise<RawClient> {
    const client = await RawClient.connect(server);
    await client.replies(1);
    for (const line of ['USER user', 'PASS secret', 'TYPE I']) await client.command(line); // one a packet, for servers that answer no more
    return client;
  }

  write(text: string | Uint8Array): void {
    this.#stream.write(text);
  }

  /** Sends a line; the next reply, its lines separated by LF. */
  async command(line: string): Promise<string> {
    this.write(`${line}\r\n`);
    return this.reply();
  }

  /** The next reply; an empty string when the connection has ended instead. */
  async reply(): Promise<string> {
    while (this.#replies.length === 0 && !this.#gone) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#replies.shift() ?? '';
  }

  async replies(count: number): Promise<string[]> {
    const replies: string[] = [];
    while (replies.length < count) replies.push(await this.reply());
    return replies;
  }

  /** The codes of the next replies. */
  async codes(count: number): Promise<string> {
    return (await this.replies(count)).map((reply) => reply.slice(0, 3)).join(' ');
  }

  /** TLS on the control connection from now on. */
  async secure(options: ConnectionOptions): Promise<TLSSocket> {
    this.#stream.removeAllListeners('data');
    this.#layer = new TlsLayer(this.socket);
    const secured = connectTls({ socket: this.#layer, ...options });
    await once(secured, 'secureConnect');
    this.#stream = secured;
    this.#listen(secured);
    return secured;
  }

  /** What comes after the end of TLS is read, and what is written is sent, in the clear; said before CCC is sent. */
  leaveTls(): void {
    const secured = this.#stream;
    this.#layer?.leave((bytes) => this.#take(bytes));
    secured.once('end', () => {
      this.#stream = this.socket;
    });
  }

  /** A connection to the port of EPSV or PASV. */
  async passive(verb = 'EPSV'): Promise<Socket> {
    const numbers = (await this.command(verb)).slice(3).match(/\d+/g)?.map(Number) ?? [];
    const [low = 0, high = 0] = numbers.reverse();
    const socket = connect({ port: verb === 'PASV' ? high * 256 + low : low, host: this.server.host, noDelay: true });
    await once(socket, 'connect');
    return socket;
  }

  /** Listens, and tells the server so; resolves with the connection that it makes. */
  async active(verb: 'PORT' | 'EPRT'): Promise<{ readonly reply: string; readonly socket: Promise<Socket> }> {
    const { host } = this.server;
    const listener = createServer({ noDelay: true });
    await once(listener.listen(0, host), 'listening');
    const { port } = listener.address() as AddressInfo;
    const family = host.includes(':') ? 2 : 1;
    const address = verb === 'PORT' ? [...host.split('.'), port >> 8, port & 255].join(',') : `|${family}|${host}|${port}|`;
    const socket = once(listener, 'connection').then(([socket]) => {
      listener.close();
      return socket as Socket;
    });
    return { reply: await this.command(`${verb} ${address}`), socket };
  }

  /** Downloads or lists by EPSV; the bytes, and the final reply. */
  async download(line: string, verb?: string): Promise<{ readonly bytes: Buffer; readonly mark: string; readonly reply: string }> {
    const socket = await this.passive(verb);
    this.write(`${line}\r\n`);
    const [bytes, mark] = await Promise.all([buffer(socket), this.reply()]);
    return { bytes, mark, reply: await this.reply() };
  }

  /** Uploads by EPSV; the mark and the final reply. */
  async upload(line: string, bytes: string | Uint8Array): Promise<string[]> {
    const socket = await this.passive();
    this.write(`${line}\r\n`);
    socket.resume().end(bytes);
    return this.replies(2);
  }

  /** Resolves when the server has ended the connection. */
  async ended(): Promise<void> {
    while (!this.#gone) await this.reply();
  }

  close(): void {
    this.socket.destroy();
  }

  #listen(stream: Duplex): void {
    stream.on('data', (chunk: Buffer) => this.#take(chunk));
    this.socket.once('close', () => {
      this.#gone = true;
      this.#wake();
    });
  }

  #take(chunk: Buffer): void {
    this.chunks.push(chunk.toString());
    this.#text += chunk.toString();
    for (let end = this.#end(); end > 0; end = this.#end()) {
      this.#replies.push(this.#text.slice(0, end).trimEnd().replaceAll('\r\n', '\n'));
      this.#text = this.#text.slice(end);
    }
    this.#wake();
  }

  /** Where the first reply ends; 0 when it is not whole. */
  #end(): number {
    const [line = '', code = '', more] = /^(\d{3})(-?).*\r?\n/.exec(this.#text) ?? [];
    if (more !== '-') return line.length;
    const last = new RegExp(`^${code} .*\\r?\\n`, 'm').exec(this.#text);
    return last ? last.index + last[0].length : 0;
  }
}
