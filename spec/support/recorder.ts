import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { ConnectionRequest } from '../../lib/index';

/** All that passed between a client and a server on one connection. */
export interface Recording {
  readonly purpose: 'control' | 'data';
  readonly toServer: Buffer;
  readonly toClient: Buffer;
}

interface Line {
  readonly request: ConnectionRequest;
  readonly toServer: Buffer[];
  readonly toClient: Buffer[];
}

/** A relay that lies between a client and its server, as a stranger on the way would, and keeps every byte of every connection. */
export class Recorder {
  readonly #server: Server;
  readonly #lines: Line[] = [];
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server) {
    this.#server = server.on('connection', (client: Socket) => void this.#relay(client));
  }

  static async start(): Promise<Recorder> {
    const server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new Recorder(server);
  }

  /** The client's `createConnection`. The first byte that it sends is the number of the line, which goes no further. */
  readonly dial = (request: ConnectionRequest): Socket => {
    const { port } = this.#server.address() as AddressInfo;
    const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: request.purpose === 'data', noDelay: true });
    const number = this.#lines.push({ request, toServer: [], toClient: [] }) - 1;
    socket.write(Buffer.from([number]));
    return socket;
  };

  get recordings(): Recording[] {
    return this.#lines.map(({ request: { purpose }, toServer, toClient }) => ({ purpose, toServer: Buffer.concat(toServer), toClient: Buffer.concat(toClient) }));
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #relay(client: Socket): Promise<void> {
    this.#track(client);
    client.resume();
    const [first] = (await once(client, 'data')) as [Buffer];
    const line = this.#lines[first[0] ?? 0] as Line;
    client.pause();
    const { host, port } = line.request;
    const server = connect({ host, port, allowHalfOpen: true, noDelay: true });
    this.#track(server);
    if (first.length > 1) pass(first.subarray(1), line.toServer, server);
    join(client, server, line.toServer);
    join(server, client, line.toClient);
  }

  #track(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
  }
}

function join(source: Socket, target: Socket, kept: Buffer[]): void {
  source.on('data', (chunk: Buffer) => pass(chunk, kept, target));
  source.on('end', () => target.end());
  source.on('error', () => target.resetAndDestroy());
  source.on('close', () => target.destroyed || target.writableEnded || target.destroy());
  source.resume();
}

function pass(chunk: Buffer, kept: Buffer[], target: Socket): void {
  kept.push(chunk);
  target.write(chunk);
}
