import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { ConnectionRequest } from '../../lib/options';
import { announced, offered, type Endpoint } from './fault-proxy/endpoints';
import { Trigger, type Direction, type Link, type Plan, type Traffic } from './fault-proxy/plan';
import { Relay, type Rewrite } from './fault-proxy/relay';

export type { Direction, FaultKind, Link, Plan, Traffic } from './fault-proxy/plan';

/** Milliseconds that a client has for closing its sockets once it was told to. */
const CLOSING = 5000;

/** Listeners in reserve; a transfer takes at most a PORT, an EPRT, and the same once more on a new connection. */
const SPARES = 6;

/** A listener for one data connection that the server makes. */
interface Spare {
  port: number;
  server: Server;
  client?: Endpoint;
}

/**
 * A proxy between a client and a server on loopback, which makes one fault at a time.
 *
 * There are two ways in. A client that connects to `port` gets its data connections through the proxy too, for the proxy
 * rewrites the replies to PASV and EPSV, and the commands PORT and EPRT. In TLS those cannot be read: there
 * `createConnection` as the client's option of that name leads every connection that the client makes through the proxy.
 */
export class FaultProxy {
  /** The lines that the server got on control connections to `port`. */
  readonly commands: string[] = [];
  readonly #trigger = new Trigger();
  readonly #relays = new Set<Relay>();
  readonly #listeners = new Set<Server>();
  /** Listeners for one data connection each. */
  readonly #offers = new Set<Server>();
  /** Listeners that nobody has been told of. */
  readonly #spares: Spare[] = [];
  readonly #arrivals = new Map<number, Socket | ((socket: Socket) => void)>();
  #closed = false;
  #port = 0;
  #seam = 0;

  private constructor(private readonly target: { readonly host: string; readonly port: number }) {}

  /** Listens on loopback for clients of that server. */
  static async open(target: { readonly host: string; readonly port: number }): Promise<FaultProxy> {
    const proxy = new FaultProxy(target);
    proxy.#port = await proxy.#listen((socket) => proxy.#onControl(socket));
    for (let count = 0; count < SPARES; count++) await proxy.#spare();
    proxy.#seam = await proxy.#listen((socket) => proxy.#meet(socket.remotePort ?? 0, socket));
    return proxy;
  }

  /** Where clients connect. */
  get port(): number {
    return this.#port;
  }

  /** True when the fault was made. */
  get fired(): boolean {
    return this.#trigger.fired;
  }

  /** Bytes that passed since the last `arm()`. */
  get traffic(): Traffic {
    return this.#trigger.traffic;
  }

  /** Makes this fault, once; without a plan none. Offsets on connections that exist count from here. */
  arm(plan?: Plan): void {
    this.#trigger.arm(plan);
    this.commands.length = 0;
    for (const relay of this.#relays) relay.recount();
  }

  /** The client's `createConnection`. */
  readonly createConnection = ({ host, port, purpose }: ConnectionRequest): Socket => {
    const socket = connect({ host: '127.0.0.1', port: this.#seam, noDelay: true, allowHalfOpen: purpose === 'data' });
    socket.once('connect', () => {
      this.#meet(socket.localPort ?? 0, (arrived) => this.#relay(purpose, arrived, dial(port, host)));
    });
    return socket;
  };

  /** What to send in place of the argument of PORT or EPRT, so that the server's connection comes through the proxy. */
  redirect(verb: string, argument: string): string {
    const client = announced(`${verb} ${argument}`);
    const spare = this.#spares.shift();
    if (!client || !spare) throw new Error(`${verb} ${argument} cannot be led through the proxy`);
    spare.client = client;
    this.#listeners.delete(spare.server);
    this.#offers.add(spare.server);
    void this.#spare();
    return client.at(spare.port).slice(verb.length + 1);
  }

  /** Drops all connections but control connections that work; resolves with the number of those that the client should have closed and has not. */
  async discard(): Promise<number> {
    for (const server of this.#offers) server.close();
    return this.#drop([...this.#relays].filter((relay) => relay.on === 'data' || !relay.live));
  }

  /** Drops everything and listens no more; resolves as `discard()` does. */
  async close(): Promise<number> {
    this.#closed = true;
    const open = await this.#drop([...this.#relays]);
    for (const server of [...this.#listeners, ...this.#offers]) server.close();
    for (const end of this.#arrivals.values()) if (typeof end !== 'function') end.destroy();
    this.#arrivals.clear();
    return open;
  }

  async #drop(relays: readonly Relay[]): Promise<number> {
    for (const relay of relays) relay.discard();
    let open = relays.length;
    const closed = Promise.all(relays.map((relay) => relay.clientGone.then(() => (open -= 1))));
    let timer: NodeJS.Timeout | undefined;
    await Promise.race([closed, new Promise((resolve) => (timer = setTimeout(resolve, CLOSING)))]);
    clearTimeout(timer);
    for (const relay of relays) {
      relay.client.destroy();
      this.#relays.delete(relay);
    }
    return open;
  }

  #onControl(client: Socket): void {
    this.#relay('control', client, dial(this.target.port, this.target.host), this.#rewriter());
  }

  #relay(on: Link, client: Socket, server: Socket, rewrite?: Rewrite): void {
    const relay = new Relay(on, client, server, this.#trigger, rewrite);
    this.#relays.add(relay);
    client.once('close', () => server.destroyed && this.#relays.delete(relay));
    server.once('close', () => client.destroyed && this.#relays.delete(relay));
  }

  /** Keeps lines together, for a port may be spread over two chunks. */
  #rewriter(): Rewrite {
    const rest: Record<Direction, string> = { toClient: '', toServer: '' };
    return async (direction, chunk) => {
      const lines = (rest[direction] + (chunk?.toString('latin1') ?? '')).split('\n');
      const last = lines.pop() ?? '';
      rest[direction] = chunk ? last : '';
      const whole: string[] = [];
      for (const line of lines) whole.push(`${await this.#line(direction, line)}\n`);
      return Buffer.from(whole.join('') + (chunk ? '' : last), 'latin1');
    };
  }

  async #line(direction: Direction, line: string): Promise<string> {
    if (direction === 'toServer') {
      this.commands.push(line.trimEnd());
      const client = announced(line);
      if (!client) return line;
      return client.at(await this.#listenOnce((server) => this.#relay('data', dial(client.port, client.host), server)));
    }
    const server = offered(line);
    if (!server) return line;
    return server.at(await this.#listenOnce((client) => this.#relay('data', client, dial(server.port, this.target.host))));
  }

  async #listen(onConnection: (socket: Socket, server: Server) => void, kept = this.#listeners, take: (server: Server) => void = ignore): Promise<number> {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => onConnection(socket.on('error', ignore), server));
    kept.add(server);
    take(server);
    server.once('close', () => kept.delete(server)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    if (this.#closed) server.close();
    return (server.address() as AddressInfo).port;
  }

  /** Listens in advance: a line that is about to be written cannot wait for that. */
  async #spare(): Promise<void> {
    const spare: Partial<Spare> = {};
    const port = await this.#listen((socket, server) => {
      server.close();
      this.#offers.delete(server);
      if (spare.client) this.#relay('data', dial(spare.client.port, spare.client.host), socket);
      else socket.destroy();
    }, this.#listeners, (server) => (spare.server = server));
    this.#spares.push(Object.assign(spare, { port }) as Spare);
  }

  #listenOnce(onConnection: (socket: Socket) => void): Promise<number> {
    return this.#listen((socket, server) => {
      server.close();
      onConnection(socket);
    }, this.#offers);
  }

  /** Both ends of one connection to the seam know the client's port; either may be here first. */
  #meet(port: number, end: Socket | ((socket: Socket) => void)): void {
    const other = this.#arrivals.get(port);
    this.#arrivals.delete(port);
    if (typeof other === 'function' && typeof end !== 'function') other(end);
    else if (typeof end === 'function' && other && typeof other !== 'function') end(other);
    else this.#arrivals.set(port, end);
  }
}

function dial(port: number, host = '127.0.0.1'): Socket {
  return connect({ host, port, allowHalfOpen: true, noDelay: true });
}

function ignore(): void {
  // the relay that reads this socket is told
}
