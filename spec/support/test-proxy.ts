import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, TLSSocket } from 'node:tls';
import type { KeyPair } from './server/certificates';

/** What the proxy speaks; SOCKS4a is SOCKS4 here. */
type Protocol = 'http' | 'socks4' | 'socks5';

/** What a test may ask of the proxy. */
export interface TestProxyOptions {
  readonly protocol: Protocol;
  /** `user:password`, or for SOCKS4 the user; undefined: none are asked for. */
  readonly credentials?: string;
  /** TLS between the client and the proxy. */
  readonly tls?: KeyPair;
  /** Answers in place of its own last reply, and takes no further part. */
  readonly answer?: string | Buffer;
  /** Answers that way to the tunnels after so many, rather than to all. */
  readonly after?: number;
  /** Answers that way to so many tunnels only. */
  readonly times?: number;
  /** Ends so: after the connection, after the answer above; else it waits. */
  readonly ends?: 'fin' | 'rst';
  /** Gives its last reply and the first bytes of the server in one write, or each byte in one of its own. */
  readonly glue?: 'together' | 'bytes';
  /** Resets its connection to the server at the client's FIN, as the close of one with unread bytes does (microsocks 1.0.3). */
  readonly takesNoHalfClose?: true;
  /** Names that it looks up, and where they lead. */
  readonly names?: Readonly<Record<string, string>>;
}

/** A proxy on loopback that does as a test says. It hands on FIN as FIN, and RST as RST. */
export class TestProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #options: TestProxyOptions;
  /** `host:port` of each tunnel that was asked for. */
  readonly asked: string[] = [];
  /** All that clients have sent before the tunnel was open. */
  readonly heard: Buffer[] = [];
  #open = 0;
  #answered = 0;

  private constructor(options: TestProxyOptions) {
    this.#options = options;
    const serve = (socket: Socket): void => void this.#serve(socket).catch(() => socket.destroy());
    this.#server = options.tls ? createTlsServer({ ...options.tls, allowHalfOpen: true }, serve) : createServer({ allowHalfOpen: true, noDelay: true }, serve);
    this.#server.on('connection', (socket: Socket) => void this.#keep(socket));
  }

  static async start(options: TestProxyOptions): Promise<TestProxy> {
    const proxy = new TestProxy(options);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** How many tunnels were opened. */
  get opened(): number {
    return this.#open;
  }

  /** The option `proxy` for it. */
  url(scheme: string = this.#options.tls ? 'https' : this.#options.protocol, credentials = this.#options.credentials): string {
    return `${scheme}://${credentials === undefined ? '' : `${credentials}@`}127.0.0.1:${this.port}`;
  }

  /** From now on it opens every tunnel. */
  relent(): void {
    this.#answered = Infinity;
  }

  /** Resets all connections, as the end of its process would end them. */
  drop(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #keep<S extends Socket>(socket: S): S {
    this.#sockets.add(socket.on('error', () => undefined).on('close', () => this.#sockets.delete(socket)));
    return socket;
  }

  async #serve(client: Socket): Promise<void> {
    client.on('error', () => undefined);
    const { protocol, answer, ends, after = 0, times = Infinity, names = {} } = this.#options;
    if (answer === undefined && ends && this.#open >= after) return this.#end(client);
    const read = reader(client, this.heard);
    const { host, port, granted } = protocol === 'http' ? await this.#http(client, read) : protocol === 'socks4' ? await this.#socks4(client, read) : await this.#socks5(client, read);
    this.asked.push(`${host}:${port}`);
    if (answer !== undefined && this.#open >= after && this.#answered < times) {
      this.#answered += 1;
      client.write(answer);
      client.resume();
      return ends && this.#end(client);
    }
    const server = this.#keep(connect({ host: names[host] ?? host, port, allowHalfOpen: true, noDelay: true }));
    await once(server, 'connect');
    this.#open += 1;
    await this.#grant(client, server, granted);
    join(client, server);
    join(server, client);
    if (this.#options.takesNoHalfClose) client.prependListener('end', () => server.resetAndDestroy());
  }

  async #grant(client: Socket, server: Socket, granted: Buffer): Promise<void> {
    const { glue } = this.#options;
    if (!glue) return void client.write(granted);
    const [greeting] = (await once(server, 'data')) as [Buffer];
    server.pause();
    const bytes = Buffer.concat([granted, greeting]);
    if (glue === 'together') return void client.write(bytes);
    for (const byte of bytes) {
      await new Promise((written) => client.write(Buffer.of(byte), written));
      await new Promise(setImmediate);
    }
  }

  #end(client: Socket): void {
    if (this.#options.ends === 'fin') client.end();
    else client.resetAndDestroy();
  }

  async #http(client: Socket, read: Read): Promise<Asked> {
    const header = (await read((bytes) => bytes.indexOf('\r\n\r\n') + 4 || 0, '\r\n\r\n')).toString('latin1');
    const [, host = '', port = ''] = /^CONNECT \[?(.*?)\]?:(\d+) HTTP\/1\.1\r\n/.exec(header) ?? [];
    const [, basic] = /^Proxy-Authorization: Basic (\S+)\r$/im.exec(header) ?? [];
    const { credentials } = this.#options;
    if (credentials !== undefined && (basic === undefined || Buffer.from(basic, 'base64').toString() !== decodeURIComponent(credentials))) {
      client.end(`HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm="proxy"\r\nContent-Length: 2\r\n\r\nno`);
      throw new Error('refused');
    }
    return { host, port: Number(port), granted: Buffer.from('HTTP/1.1 200 Connection established\r\nVia: test\r\n\r\n') };
  }

  async #socks4(client: Socket, read: Read): Promise<Asked> {
    const head = await read(8);
    const user = (await read((bytes) => bytes.indexOf(0) + 1)).subarray(0, -1).toString();
    const byName = head.readUInt32BE(4) === 1;
    const host = byName ? (await read((bytes) => bytes.indexOf(0) + 1)).subarray(0, -1).toString() : head.subarray(4, 8).join('.');
    if (this.#options.credentials !== undefined && user !== decodeURIComponent(this.#options.credentials)) {
      client.end(Buffer.from([0, 93, 0, 0, 0, 0, 0, 0]));
      throw new Error('refused');
    }
    return { host, port: head.readUInt16BE(2), granted: Buffer.from([0, 90, 0, 0, 0, 0, 0, 0]) };
  }

  async #socks5(client: Socket, read: Read): Promise<Asked> {
    const { credentials } = this.#options;
    const [, count = 0] = await read(2);
    const methods = await read(count);
    const method = credentials === undefined ? 0 : methods.includes(2) ? 2 : 0xff;
    client.write(Buffer.from([5, method]));
    if (method === 0xff) throw new Error('refused');
    if (method === 2) {
      const [, userLength = 0] = await read(2);
      const user = (await read(userLength)).toString();
      const [passwordLength = 0] = await read(1);
      const password = (await read(passwordLength)).toString();
      const right = `${user}:${password}` === decodeURIComponent(credentials as string);
      client.write(Buffer.from([1, right ? 0 : 1]));
      if (!right) throw new Error('refused');
    }
    const [, , , type] = await read(4);
    const [length = 0] = type === 3 ? await read(1) : [type === 1 ? 4 : 16];
    const address = await read(length);
    const host = type === 3 ? address.toString() : type === 1 ? address.join('.') : (address.toString('hex').match(/.{4}/g) as string[]).join(':');
    return { host, port: (await read(2)).readUInt16BE(0), granted: Buffer.from([5, 0, 0, 3, 4, ...Buffer.from('here'), 0, 21]) };
  }
}

interface Asked {
  readonly host: string;
  readonly port: number;
  readonly granted: Buffer;
}

/** Waits for so many bytes, or for as many as the function takes, once it takes some. */
type Read = (wanted: number | ((bytes: Buffer) => number), end?: string) => Promise<Buffer>;

function reader(socket: Socket, heard: Buffer[]): Read {
  return async (wanted, end) => {
    let bytes = Buffer.alloc(0);
    for (;;) {
      const taken = typeof wanted === 'number' ? (bytes.length < wanted ? -1 : wanted) : end !== undefined && !bytes.includes(end) ? -1 : wanted(bytes) || -1;
      if (taken >= 0) {
        if (taken < bytes.length) socket.unshift(bytes.subarray(taken));
        heard.push(bytes.subarray(0, taken));
        return bytes.subarray(0, taken);
      }
      const chunk = socket.read() as Buffer | null;
      if (chunk) bytes = Buffer.concat([bytes, chunk]);
      else if (socket.readableEnded || socket.destroyed) throw new Error('gone');
      else await new Promise<void>((resolve) => {
        const done = (): void => {
          socket.off('readable', done).off('end', done).off('close', done);
          resolve();
        };
        socket.on('readable', done).on('end', done).on('close', done);
      });
    }
  };
}

/** Hands on what comes, the end as the end, and a reset as a reset. */
function join(from: Socket, to: Socket): void {
  from.on('data', (chunk: Buffer) => {
    if (!to.write(chunk)) from.pause();
  });
  to.on('drain', () => from.resume());
  from.on('end', () => to.end());
  from.on('error', () => (to instanceof TLSSocket ? to.destroy() : to.resetAndDestroy()));
  from.on('close', () => to.destroy());
  from.resume();
}
