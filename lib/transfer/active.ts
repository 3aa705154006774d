import type { Server, Socket } from 'node:net';
import { formatEprt, formatPort, isIPv6, sameHost } from '../control/reply-text';
import { ArgumentError, type FTPError, PermanentError, TimeoutError } from '../errors';
import { listen } from '../net/dial';
import { DataConnection, type DataRequest } from './data-connection';

/**
 * Listens, names the port to the server (RFC 959 PORT, RFC 2428 EPRT), and takes the one connection that it makes.
 *
 * We listen first: pyftpdlib connects while it answers PORT.
 */
export async function openActive(request: DataRequest): Promise<DataConnection> {
  const { session, interrupt } = request;
  const { server, port } = await listen(session.localHost, session.settings.localPortRange);
  const connection = new ActiveConnection(server, request);
  try {
    interrupt.check();
    // Not cut short by an interruption: pyftpdlib answers only when it has connected, or with a 425 when nobody listens any more.
    await announce(request, port);
    return connection;
  } catch (error) {
    connection.close();
    throw error;
  }
}

/** Names the port by PORT or EPRT. One that the server has refused is not sent again where the other has worked, or the refusal was for good. */
async function announce({ session, control }: DataRequest, port: number): Promise<void> {
  const { observed } = session;
  const host = session.localHost ?? '127.0.0.1';
  const allowed = commandsFor(host, session.settings.extended);
  const known = allowed.filter((verb) => observed.takes.get(verb) !== false);
  const refusals: FTPError[] = [];
  for (const verb of known.length > 0 ? known : allowed) {
    try {
      await control.exec(session.command(verb, verb === 'PORT' ? formatPort(host, port) : formatEprt(host, port)));
      if (refusals.length > 0) observed.takes.set('PORT', false);
      return;
    } catch (error) {
      if (!(error instanceof PermanentError) || !control.open) throw error;
      if (verb === 'EPRT') observed.takes.set('EPRT', false);
      refusals.push(error);
    }
  }
  throw refusals.at(-1) as FTPError;
}

/** The commands that may name the port, in the order in which they are tried: more servers know PORT, which has no place for an address of IPv6. */
function commandsFor(host: string, extended: boolean | undefined): readonly ('PORT' | 'EPRT')[] {
  if (extended === true) return ['EPRT'];
  if (!isIPv6(host)) return extended === false ? ['PORT'] : ['PORT', 'EPRT'];
  if (extended !== false) return ['EPRT'];
  throw new ArgumentError('extended: false allows only PORT, and the server is reached by IPv6, for which there is only EPRT: set family: 4, or leave extended out');
}

/** A data connection that the server makes to us. */
class ActiveConnection extends DataConnection {
  protected readonly awaited = false;
  protected readonly reads = false;
  #server: Server | undefined;

  /**
   * Only the server may connect, and only once: anyone else could take or plant a file. It comes from the address that the control connection
   * leads to, or, where `createConnection` made that through a proxy, from the host that was asked for, if that is an address.
   */
  constructor(server: Server, request: DataRequest) {
    super(request);
    const { session, control } = request;
    const addresses = [session.peerHost, control.remoteAddress ?? ''];
    this.#server = server;
    session.dataConnections.connecting.start(this.#onLate);
    server.on('error', (error) => {
      this.cancel();
      this.failed(error); // it cannot be accepted: EMFILE
    });
    server.on('connection', (socket: Socket) => {
      if (!this.#server || !addresses.some((address) => sameHost(socket.remoteAddress ?? '', address))) return void socket.destroy();
      this.cancel();
      this.connected(socket);
    });
  }

  /** Listens no longer. */
  protected cancel(): void {
    this.session.dataConnections.connecting.stop(this.#onLate);
    this.#server?.close();
    this.#server = undefined;
  }

  readonly #onLate = (): void => {
    this.cancel();
    this.failed(new TimeoutError(`the server made no data connection within ${this.session.settings.connectTimeout} ms (connectTimeout)`, { phase: 'data' }));
  };
}
