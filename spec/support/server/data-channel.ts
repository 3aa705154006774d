import { connect, createServer, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';

/** How the server comes to its data connections. */
export interface DataHost {
  /** Milliseconds to wait for a data connection. */
  readonly acceptTimeout: number;
  /** Keeps an eye on the socket until it is gone. */
  trackData(socket: Socket): void;
  trackListener(listener: Server): void;
}

/** One data connection to be: what PASV, EPSV, PORT or EPRT has agreed on. */
export class DataChannel {
  /** Where a passive one listens. */
  port = 0;
  #listener: Server | undefined;
  #arrived: Promise<Socket> | undefined;
  #cancel: (reason: Error) => void = () => undefined;
  #socket: Socket | undefined;

  private constructor(private readonly host: DataHost) {}

  /** Listens on the address of the control connection; takes one connection, from its peer only. */
  static async passive(host: DataHost, control: Socket): Promise<DataChannel> {
    const channel = new DataChannel(host);
    const listener = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true });
    host.trackListener(listener);
    channel.#listener = listener;
    channel.#arrived = new Promise((resolve, reject) => {
      channel.#cancel = reject;
      listener.on('connection', (socket: Socket) => {
        if (channel.#socket || socket.remoteAddress !== control.remoteAddress) return void socket.destroy();
        channel.#adopt(socket);
        listener.close();
        resolve(socket);
      });
    });
    channel.#arrived.catch(() => undefined);
    await new Promise<void>((resolve, reject) => {
      listener.once('error', reject);
      listener.listen(0, control.localAddress, resolve);
    });
    channel.port = (listener.address() as AddressInfo).port;
    return channel;
  }

  /** Connects to the client when the connection is needed. */
  static active(host: DataHost, address: string, port: number): DataChannel {
    const channel = new DataChannel(host);
    channel.#dial = () => {
      const socket = connect({ host: address, port, allowHalfOpen: true, noDelay: true });
      channel.#adopt(socket);
      return new Promise((resolve, reject) => {
        channel.#cancel = reject;
        socket.once('connect', () => resolve(socket));
        socket.once('error', reject);
      });
    };
    return channel;
  }

  #dial: () => Promise<Socket> = () => Promise.reject(new Error('not connected'));

  /** The connection, as soon as it is there. @throws Error when it does not come, or the channel is closed meanwhile */
  async connection(): Promise<Socket> {
    this.#arrived ??= this.#dial();
    const { acceptTimeout } = this.host;
    const timer = setTimeout(() => this.#cancel(new Error('no data connection')), acceptTimeout);
    try {
      return await this.#arrived;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Takes no connection any more; one that is there ends by itself. */
  release(): void {
    this.#listener?.close();
    this.#cancel(new Error('closed'));
  }

  /** Ends the connection, too, unless everything is sent: then it ends with the client's FIN. */
  destroy(): void {
    this.release();
    if (this.#socket?.writableFinished !== true) this.#socket?.destroy();
  }

  #adopt(socket: Socket): void {
    this.#socket = socket;
    socket.on('error', () => socket.destroy());
    this.host.trackData(socket);
  }
}
