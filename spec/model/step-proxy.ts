import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { ConnectionRequest } from '../../lib/index';

/** The moment at which something is to happen: before the nth command or reply passes, counted over all control connections; or after so many bytes of data. */
export type Moment = { readonly on: 'command' | 'reply'; readonly nth: number } | { readonly on: 'data'; readonly bytes: number };

/**
 * How a connection is cut: `rst` both ways; `fin` both ways. `short`: the client sees a clean end, and the server sends the rest to nobody, so that it
 * calls the transfer complete. `swallowed`: the same for an upload, whose rest the server never sees.
 */
export type Cut = 'rst' | 'fin' | 'short' | 'swallowed';

type Way = 'command' | 'reply';

/** Milliseconds that a server has for closing what its client has closed. */
const LINGERING = 50;
/** The same that a client has for hearing that it is connected. */
const MEETING = 1000;

const CR_LF = /(?<=\n)/;

/**
 * A relay on loopback in front of a server, through which a client makes all its connections. It holds what passes at one chosen moment, lets
 * something happen there, and lets it go on: so whatever is cancelled can be cancelled between any two commands and replies. In TLS it
 * cannot tell lines: there each chunk counts as one.
 */
export class StepProxy {
  /** What passed on control connections that are not in TLS, and what was done. */
  readonly dialogue: string[] = [];
  readonly #server: Server;
  readonly #lines = new Set<Line>();
  /** The client's own ends. */
  readonly #given = new Set<Socket>();
  /** Those whose connection was cut, and that the client has not closed yet. */
  readonly #severed = new Set<Socket>();
  readonly #ends = new Map<number, Socket | ((socket: Socket) => void)>();
  #watched: { readonly moment: Moment; left: number; readonly turns: number; readonly happen: (line: Line) => void } | undefined;
  #fired = false;
  #closed = false;
  /** Data connections that the client makes, and that the server has not got yet. */
  #dialling = 0;
  #dialled: (() => void)[] = [];

  private constructor() {
    this.#server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true }, (socket) => {
      const { remotePort: port } = socket;
      if (this.#closed || port === undefined) socket.destroy(); // its client is gone already
      else this.#meet(port, socket);
    });
  }

  static async open(): Promise<StepProxy> {
    const proxy = new StepProxy();
    await once(proxy.#server.listen(0, '127.0.0.1'), 'listening');
    return proxy;
  }

  /** The client's `createConnection`. */
  readonly createConnection = ({ host, port, purpose }: ConnectionRequest): Socket => {
    const socket = connect({ host: '127.0.0.1', port: (this.#server.address() as AddressInfo).port, noDelay: true, allowHalfOpen: purpose === 'data' });
    this.#given.add(socket);
    socket.once('close', () => this.#given.delete(socket));
    const dialled = purpose === 'data' ? this.#dial() : undefined;
    if (dialled) socket.once('close', dialled);
    const onGone = (): void => knock(host, port);
    if (purpose === 'data') socket.once('close', onGone);
    socket.once('connect', () => {
      socket.off('close', onGone);
      this.#meet(socket.localPort ?? 0, (client) => {
        const line = this.#begin(purpose, client, { host, port }, socket);
        if (socket.closed) line.bury();
        else socket.once('close', () => line.bury());
        if (dialled) line.server.once('connect', dialled).once('close', dialled);
      });
    });
    return socket;
  };

  /** Whether the moment has come. */
  get fired(): boolean {
    return this.#fired;
  }

  /** Connections that the client has not closed. */
  get open(): number {
    return [...this.#given].filter(({ destroyed }) => !destroyed).length;
  }

  /** What passes at that moment is held; `happen` is called; after so many turns of the event loop it goes on. */
  arm(moment: Moment, turns: number, happen: () => void): void {
    this.#fired = false;
    const left = moment.on === 'data' ? moment.bytes : moment.nth;
    this.#watched = { moment, left, turns, happen };
  }

  disarm(): void {
    this.#watched = undefined;
    this.#fired = false;
  }

  /** Cuts the connection at which the moment came, or where that was of the other kind, all that are open of this one. */
  cut(purpose: 'control' | 'data', how: Cut): void {
    this.note(`${purpose} connection: ${how}`);
    const here = [...this.#lines].filter((line) => line.held && line.purpose === purpose);
    for (const line of here.length > 0 ? here : [...this.#lines].filter((each) => each.purpose === purpose)) line.cut(how);
  }

  note(text: string): void {
    this.dialogue.push(`* ${text}`);
  }

  /** Resolves when the client has closed what was cut, or has had the time for it. */
  async quiet(): Promise<void> {
    for (let turn = 0; turn < 200 && this.#severed.size > 0; turn++) await pause(10);
  }

  /** Resolves with the number of connections that a client, which was told to, has not closed. */
  async deserted(): Promise<number> {
    for (let turn = 0; turn < 300 && this.open > 0; turn++) await pause(10);
    return this.open;
  }

  close(): void {
    this.#closed = true;
    for (const line of this.#lines) line.discard();
    for (const end of this.#ends.values()) if (typeof end !== 'function') end.destroy();
    for (const socket of this.#given) socket.destroy();
    this.#server.close();
  }

  /** @internal how many bytes of a chunk may pass before the moment; undefined: all of it, and the moment is not in it */
  before(line: Line, way: Way, chunk: Buffer): number | undefined {
    const parts = line.purpose === 'data' ? undefined : isTls(chunk) ? [chunk.toString('latin1')] : chunk.toString('latin1').split(CR_LF);
    if (parts && !isTls(chunk)) for (const part of parts) this.dialogue.push(`${way === 'command' ? '>' : '<'} ${part.trimEnd().slice(0, 200)}`);
    const watched = this.#watched;
    if (!watched) return undefined;
    if (!parts) {
      if (watched.moment.on !== 'data') return undefined;
      watched.left -= chunk.length;
      return watched.left < 0 ? chunk.length + watched.left : undefined;
    }
    if (watched.moment.on !== way) return undefined;
    let at = 0;
    for (const part of parts) {
      if ((way === 'command' || isTls(chunk) || /^\d{3} /.test(part)) && --watched.left === 0) return at;
      at += part.length;
    }
    return undefined;
  }

  /** @internal the moment has come; resolves when what is held may go on */
  async happen(line: Line): Promise<void> {
    const watched = this.#watched;
    this.#watched = undefined;
    if (!watched) return;
    this.#fired = true;
    watched.happen(line);
    for (let turn = 0; turn < watched.turns; turn++) await new Promise(setImmediate);
  }

  /** @internal what the client says after it has made a data connection must not come before that; undefined: it can come now */
  dialled(): Promise<void> | undefined {
    return this.#dialling === 0 ? undefined : new Promise((resolve) => this.#dialled.push(resolve));
  }

  #dial(): () => void {
    this.#dialling += 1;
    let over = false;
    return () => {
      if (over) return;
      over = true;
      if (--this.#dialling === 0) for (const resolve of this.#dialled.splice(0)) resolve();
    };
  }

  #begin(purpose: 'control' | 'data', client: Socket, { host, port }: { readonly host: string; readonly port: number }, given: Socket): Line {
    const server = connect({ host, port, noDelay: true, allowHalfOpen: true });
    const line = new Line(purpose, client, server, this, () => this.#sever(given));
    this.#lines.add(line);
    let open = 2;
    for (const socket of [client, server]) socket.once('close', () => --open === 0 && this.#lines.delete(line));
    return line;
  }

  #sever(given: Socket): void {
    if (given.closed) return;
    this.#severed.add(given);
    given.once('close', () => this.#severed.delete(given));
  }

  /** Its client was gone before it had heard that it was connected, and the port may soon be another's. */
  #forsake(port: number, end: Socket): void {
    if (this.#ends.get(port) !== end) return;
    this.#ends.delete(port);
    end.destroy();
  }

  /** Both ends of a connection know the client's port; either may be here first. */
  #meet(port: number, end: Socket | ((socket: Socket) => void)): void {
    const other = this.#ends.get(port);
    this.#ends.delete(port);
    if (typeof other === 'function' && typeof end !== 'function') other(end);
    else if (typeof end === 'function' && other && typeof other !== 'function') end(other);
    else {
      this.#ends.set(port, end);
      if (typeof end !== 'function') setTimeout(() => this.#forsake(port, end), MEETING).unref();
    }
  }
}

/** One connection through the proxy. */
class Line {
  state: 'live' | 'cut' = 'live';
  /** True while the moment lasts. */
  held = false;
  #short = false;
  #swallowed = false;

  constructor(
    readonly purpose: 'control' | 'data',
    readonly client: Socket,
    readonly server: Socket,
    private readonly proxy: StepProxy,
    private readonly onCut: () => void,
  ) {
    this.#join(client, server, 'command');
    this.#join(server, client, 'reply');
  }

  cut(how: Cut): void {
    if (this.state === 'cut') return;
    if (how === 'short' || how === 'swallowed') {
      this.#short = how === 'short';
      this.#swallowed = how === 'swallowed';
      (this.#short ? this.client : this.server).end();
      return;
    }
    this.state = 'cut';
    this.onCut();
    for (const socket of [this.client, this.server]) {
      if (how === 'rst') reset(socket);
      else socket.end();
      socket.resume();
    }
  }

  discard(): void {
    this.client.destroy();
    reset(this.server);
  }

  /** The client is gone: so is its server soon. pyftpdlib 1.5.7 would spin for ever over a client that has left TLS by FIN within the handshake. */
  bury(): void {
    setTimeout(() => reset(this.server), LINGERING).unref();
  }

  #join(source: Socket, target: Socket, way: Way): void {
    const waiting: Buffer[] = [];
    let held = false;
    let ended = false;
    const send = (chunk: Buffer): void => {
      if (this.state === 'cut' || target.destroyed || target.writableEnded || (way === 'reply' ? this.#short : this.#swallowed) || chunk.length === 0) return;
      if (target.write(chunk)) return;
      source.pause();
      target.once('drain', () => held || source.resume());
    };
    const end = (): void => {
      if (held) ended = true;
      else if (!source.writableEnded && wasReset(source)) reset(target);
      else if (this.state === 'live') target.end();
    };
    const release = (): void => {
      held = this.held = false;
      while (!held && waiting.length > 0) take(waiting.shift() as Buffer);
      if (held) return;
      if (ended) end();
      source.resume();
    };
    const take = (chunk: Buffer): void => {
      if (held) return void waiting.push(chunk);
      const before = this.proxy.before(this, way, chunk);
      if (before === undefined) return send(chunk);
      send(chunk.subarray(0, before));
      waiting.unshift(chunk.subarray(before));
      held = this.held = true;
      source.pause();
      void this.proxy.happen(this).then(() => {
        send(waiting.shift() ?? Buffer.alloc(0));
        release();
      });
    };
    source.on('data', (chunk: Buffer) => {
      const dialled = held || this.purpose === 'data' || way === 'reply' ? undefined : this.proxy.dialled();
      if (!dialled) return take(chunk);
      waiting.push(chunk);
      held = true;
      source.pause();
      void dialled.then(release);
    });
    source.on('end', end);
    source.on('error', () => reset(target));
    source.on('close', () => {
      if (this.state === 'cut' || !source.readableEnded) reset(target);
    });
    source.resume();
  }
}

/**
 * A client without a proxy that closes a socket which is connecting has been connected by its kernel already, so that the server hears of it. vsftpd 3.0.3
 * waits a minute for a data connection that never comes, and locks the file of an upload meanwhile.
 */
function knock(host: string, port: number): void {
  const socket = connect({ host, port });
  socket.on('error', () => undefined).once('connect', () => socket.resetAndDestroy());
}

/** RST; after an end that still waits to leave, libuv refuses it, and Node then never closes the socket. */
function reset(socket: Socket): void {
  if (socket.destroyed) return;
  if (socket.writableEnded && !socket.writableFinished) socket.once('finish', () => socket.resetAndDestroy());
  else socket.resetAndDestroy();
}

/** libuv takes an RST that comes with bytes for a clean end; but a connection that was reset has no peer any more. (Nor has one that both sides have ended.) */
function wasReset(socket: Socket): boolean {
  const { _handle: handle } = socket as { _handle?: { getpeername?: (into: object) => number } };
  return typeof handle?.getpeername === 'function' && handle.getpeername({}) !== 0;
}

function isTls(chunk: Buffer): boolean {
  const [type = 0, major = 0] = chunk;
  return type >= 20 && type <= 23 && major === 3;
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
