import type { Duplex } from 'node:stream';
import { Command } from '../control/command';
import type { ControlConnection } from '../control/control-connection';
import { isIPv6, parse227, parse229 } from '../control/reply-text';
import { codecFor } from '../encoding';
import { ArgumentError, FTPError, ProtocolError, ReplyError, TemporaryError, TimeoutError, TransferError } from '../errors';
import { ConnectionAttempt } from '../net/dial';
import type { Reply } from '../reply';
import { DataConnection, type DataRequest } from './data-connection';
import type { Interrupt } from './interrupt';

/** RFC 2428, 3. One for all sessions, as no encoding matters to it. */
export const EPSV = new Command('EPSV', codecFor('ascii'));
/** RFC 959, 4.1.2. */
export const PASV = new Command('PASV', codecFor('ascii'));

/**
 * Asks the server to listen and connects to it (RFC 2428 EPSV, RFC 959 PASV).
 *
 * The first time, this waits for the connection, so that an answer to EPSV that is of no use, or a blocked port, leads to PASV, and EPSV is not sent
 * again. After that the transfer command leaves while the connection is still being made, which saves a round trip for each file.
 */
export async function openPassive(request: DataRequest): Promise<DataConnection> {
  const { session, control, interrupt } = request;
  const { settings, observed, peerHost } = session;
  const { extended } = settings;
  if (peerHost.includes(':') && isIPv6(peerHost)) return extendedOnly(request);
  if (extended === true || (extended !== false && observed.takes.get('EPSV') !== false)) {
    try {
      const { port } = parse229(await askPort(control, EPSV, interrupt));
      return await connect(request, peerHost, port);
    } catch (error) {
      if (extended === true || !leadsToPasv(error) || interrupt.reason || !control.open) throw error;
      observed.passiveWorks = false;
      observed.takes.set('EPSV', false);
    }
  }
  const { host, port } = parse227(await askPort(control, PASV, interrupt));
  return connect(request, settings.trustServerPasvAddress ? host : peerHost, port);
}

/** The reply to PASV has no place for an address of IPv6 (RFC 2428, 1). */
async function extendedOnly(request: DataRequest): Promise<DataConnection> {
  const { session, control, interrupt } = request;
  if (session.settings.extended === false) throw new ArgumentError('extended: false allows only PASV, and the server is reached by IPv6, for which there is only EPSV: set family: 4, or leave extended out');
  try {
    const { port } = parse229(await askPort(control, EPSV, interrupt));
    return await connect(request, session.peerHost, port);
  } catch (error) {
    if (error instanceof ReplyError || error instanceof ProtocolError) error.message += ' (the server is reached by IPv6, for which there is only EPSV: family: 4 would allow PASV)';
    throw error;
  }
}

/**
 * The server's reply to EPSV or PASV. It is asked once more after a 425, when nothing has begun: where two sessions choose the same
 * port at a time, Pure-FTPd 1.0.50 fails one with "Address already in use".
 */
export function askPort(control: ControlConnection, command: Command, interrupt?: Interrupt): Promise<Reply> {
  return control.exec(command).catch((error: unknown) => {
    if (!(error instanceof TemporaryError) || error.reply?.code !== 425 || interrupt?.reason) throw error;
    return control.exec(command);
  });
}

/** The answer to EPSV is of no use, whatever it is, or its port cannot be reached. */
function leadsToPasv(error: unknown): boolean {
  return [ReplyError, ProtocolError, TransferError, TimeoutError].some((kind) => error instanceof kind);
}

function connect(request: DataRequest, host: string, port: number): DataConnection | Promise<DataConnection> {
  const { session, control, interrupt } = request;
  control.assertOpen(); // the reply may have come together with the end
  const connection = new PassiveConnection(request, host, port);
  return session.observed.passiveWorks || interrupt.reason ? connection : established(connection, interrupt);
}

/** After an interruption the server still waits for the connection: the transfer has to end it, and so gets it, too. */
async function established(connection: DataConnection, interrupt: Interrupt): Promise<DataConnection> {
  try {
    await interrupt.race(connection.established());
  } catch (error) {
    if (error !== interrupt.reason) throw error;
  }
  return connection;
}

/** A data connection that we make; whether that worked is remembered for the session. */
class PassiveConnection extends DataConnection {
  protected readonly awaited = true;
  protected readonly reads: boolean;
  readonly #port: number;
  readonly #attempt: ConnectionAttempt;

  constructor(request: DataRequest, host: string, port: number) {
    super(request);
    const { session, direction, memory } = request;
    const { settings, dataConnections, protection } = session;
    this.#port = port;
    this.reads = direction === 'down' && !settings.createConnection && session.route?.plain !== false && !protection.secureData;
    const onread = this.reads ? dataConnections.receiveBuffer.onread(this.receive, memory) : undefined;
    this.#attempt = new ConnectionAttempt({ host, port, purpose: 'data' }, settings, onread, session.route);
    dataConnections.attempt = this.#attempt;
    dataConnections.connecting.start(this.#onLate);
    this.#attempt.notify(this);
  }

  protected cancel(): void {
    this.#attempt.destroy();
  }

  readonly #onLate = (): void => {
    const { settings: { connectTimeout }, route } = this.session;
    this.#attempt.destroy(new TimeoutError(`no data connection to port ${this.#port} within ${connectTimeout} ms (connectTimeout)${route ? ` by way of ${route.name}` : ''}`));
  };

  /** The connection is made. */
  onMade(socket: Duplex): void {
    this.#remember(true);
    this.connected(socket);
  }

  /** It cannot be made. */
  onFailed(cause: FTPError): void {
    const clear = cause instanceof TimeoutError || cause instanceof ArgumentError || !this.session.control;
    this.#remember(false);
    this.failed(clear ? cause : new TransferError(`the data connection could not be made: ${cause.message}`, { cause, phase: 'data' }));
  }

  #remember(made: boolean): void {
    const { dataConnections, observed } = this.session;
    if (dataConnections.attempt === this.#attempt) dataConnections.attempt = undefined;
    dataConnections.connecting.stop(this.#onLate);
    observed.passiveWorks = made;
  }
}
