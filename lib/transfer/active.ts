import type { Server, Socket } from 'node:net';
import { formatEprt, formatPort, sameHost } from '../control/reply-text';
import type { Session } from '../control/session';
import { PermanentError, TimeoutError } from '../errors';
import { listen } from '../net/dial';
import { DataConnection, type DataRequest, type DataSource, type SourceListener } from './data-connection';

/**
 * Listens, tells the server where (RFC 959 PORT, RFC 2428 EPRT), and takes the one connection that it makes.
 *
 * We listen before we tell: pyftpdlib connects while it answers PORT.
 */
export async function openActive(request: DataRequest): Promise<DataConnection> {
  const { session, interrupt } = request;
  const { settings } = session;
  const { server, port } = await listen(session.localHost, settings.localPortRange);
  const connection = new DataConnection(new ActiveSource(server, request), request);
  try {
    interrupt.check();
    // Not cut short: pyftpdlib answers only when it has connected, or with a 425 when nobody listens any more.
    await announce(request, port);
    return connection;
  } catch (error) {
    connection.close();
    throw error;
  }
}

async function announce({ session, control }: DataRequest, port: number): Promise<void> {
  const host = session.localHost ?? '127.0.0.1';
  const { extended } = session.settings;
  const eprt = session.command('EPRT', formatEprt(host, port));
  if (extended === true || (host.includes(':') && !host.startsWith('::ffff:'))) return void (await control.exec(eprt));
  try {
    await control.exec(session.command('PORT', formatPort(host, port)));
  } catch (error) {
    if (extended === false || !(error instanceof PermanentError) || !control.open) throw error;
    await control.exec(eprt);
  }
}

/** A connection that the server makes to us. */
class ActiveSource implements DataSource {
  readonly awaited = false;
  readonly reads = false;
  readonly #server: Server;
  readonly #session: Session;
  /** The server's, as far as they are known. */
  readonly #addresses: readonly string[];
  #listener: SourceListener | undefined;
  #listening = true;

  constructor(server: Server, { session, control }: DataRequest) {
    this.#server = server;
    this.#session = session;
    this.#addresses = [session.peerHost, control.remoteAddress ?? ''];
  }

  /**
   * Only the server may connect, and only once: anyone else could take or plant a file. It comes from the address that the control connection
   * leads to, or, where `createConnection` made that through a proxy, from the host that was asked for, if that is an address.
   */
  open(listener: SourceListener): void {
    this.#listener = listener;
    this.#session.dataMeans.connecting.start(this.#onLate);
    this.#server.on('error', (error) => {
      this.cancel();
      listener.onError(error); // it cannot be accepted: EMFILE
    });
    this.#server.on('connection', (socket: Socket) => {
      if (!this.#listening || !this.#addresses.some((address) => sameHost(socket.remoteAddress ?? '', address))) return void socket.destroy();
      this.cancel();
      socket.on('error', (error) => listener.onError(error)).on('close', () => listener.onClose());
      listener.onMade(socket);
    });
  }

  /** Listens no longer. */
  cancel(): void {
    this.#listening = false;
    this.#session.dataMeans.connecting.stop(this.#onLate);
    this.#server.close();
  }

  readonly #onLate = (): void => {
    this.cancel();
    this.#listener?.onError(new TimeoutError(`the server made no data connection within ${this.#session.settings.connectTimeout} ms (connectTimeout)`, { phase: 'data' }));
  };
}
