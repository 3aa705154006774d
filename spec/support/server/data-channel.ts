import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { PassivePort, PassivePorts } from './passive-ports';
import type { TlsSide } from './tls-options';

/** Who a data channel belongs to. */
export interface DataHost {
  /** Milliseconds to wait for a data connection. */
  readonly acceptTimeout: number;
  readonly ports: PassivePorts;
  /** Keeps an eye on the socket until it is gone. */
  trackData(socket: Socket): void;
}

/** One data connection to be: what PASV, EPSV, PORT or EPRT has agreed on. */
export class DataChannel {
  #port: PassivePort | undefined;
  #arrived: Promise<Socket> | undefined;
  #secured: Promise<Duplex> | undefined;
  #cancel: (reason: Error) => void = () => undefined;
  #socket: Socket | undefined;
  #stream: Duplex | undefined;
  #asked = false;

  private constructor(
    private readonly host: DataHost,
    private readonly dial: () => Promise<Socket>,
  ) {}

  /** Listens on the address of the control connection; takes one connection, from its peer only. */
  static async passive(host: DataHost, peer: string | undefined): Promise<DataChannel> {
    const port = await host.ports.lend();
    const channel: DataChannel = new DataChannel(host, () => channel.#accept(port, peer));
    channel.#port = port;
    channel.#arrived = channel.dial();
    channel.#arrived.catch(() => undefined);
    return channel;
  }

  /** Connects to the client when the connection is needed. */
  static active(host: DataHost, address: string, port: number): DataChannel {
    const channel: DataChannel = new DataChannel(host, () => channel.#connect(address, port));
    return channel;
  }

  /** Where a passive one listens; 0 for an active one. */
  get port(): number {
    return this.#port?.port ?? 0;
  }

  /** True when the connection was asked for. */
  get used(): boolean {
    return this.#asked;
  }

  /**
   * True when the client has reset the connection: libuv reports an RST that comes with bytes as a clean end, but a
   * connection that was reset has no peer any more. (`remoteAddress` would answer from memory.)
   */
  get wasReset(): boolean {
    const { _handle: handle } = (this.#socket ?? {}) as { _handle?: { getpeername?: (into: object) => number } };
    return typeof handle?.getpeername === 'function' && handle.getpeername({}) !== 0;
  }

  /** The connection, as soon as it is there. @throws Error when it does not come, or the channel is closed meanwhile */
  async connection(): Promise<Socket> {
    this.#asked = true;
    this.#arrived ??= this.dial();
    const timer = setTimeout(() => this.#cancel(new Error('no data connection')), this.host.acceptTimeout);
    try {
      return await this.#arrived;
    } finally {
      clearTimeout(timer);
    }
  }

  /** The connection under TLS; the handshake is done once. @throws Error when one of them does not come */
  async secured(tls: TlsSide): Promise<Duplex> {
    const socket = await this.connection();
    this.#secured ??= tls.secure(socket, 'data');
    return (this.#stream = await this.#secured);
  }

  /** Takes no connection any more; one that is there ends when the client ends it. */
  release(): void {
    this.#port?.giveBack();
    this.#cancel(new Error('closed'));
    const stream = this.#stream;
    if (stream?.readableEnded) stream.end();
    else stream?.resume().once('end', () => stream.end());
  }

  /** Ends the connection, too, unless everything is sent: then it ends when the client ends it. */
  destroy(): void {
    this.release();
    if (!this.#socket?.writableFinished) this.#socket?.destroy();
  }

  #accept(port: PassivePort, peer: string | undefined): Promise<Socket> {
    return new Promise((resolve, reject) => {
      this.#cancel = reject;
      port.open((socket) => {
        if (socket.remoteAddress !== peer) return void socket.destroy();
        port.giveBack();
        this.#adopt(socket);
        resolve(socket);
      });
    });
  }

  #connect(address: string, port: number): Promise<Socket> {
    const socket = connect({ host: address, port, allowHalfOpen: true, noDelay: true });
    this.#adopt(socket);
    return new Promise((resolve, reject) => {
      this.#cancel = reject;
      socket.once('connect', () => resolve(socket));
      socket.once('error', reject);
    });
  }

  #adopt(socket: Socket): void {
    this.#socket = socket;
    this.#stream = socket;
    socket.on('error', () => socket.destroy());
    this.host.trackData(socket);
  }
}
