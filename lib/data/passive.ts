import type { Duplex } from 'node:stream';
import type { ControlConnection } from '../control/control-connection';
import type { Reply } from '../control/reply';
import type { Session } from '../control/session';
import { connected, dial } from '../dial';
import { PermanentError, TemporaryError, TimeoutError, TransferError } from '../errors';
import { DataConnection, type DataListener, type DataSource } from './data-connection';
import { parse227, parse229 } from './host-port';
import type { Interrupt } from './interrupt';

/** What opening a data connection needs to know. */
export interface DataRequest {
  readonly session: Session;
  readonly control: ControlConnection;
  readonly listener: DataListener;
  readonly interrupt: Interrupt;
  /** True for a download: the socket reads into the session's memory. */
  readonly reading: boolean;
}

/**
 * Asks the server to listen and connects to it (RFC 2428 EPSV, RFC 959 PASV).
 *
 * The first time, this waits for the connection, so that a refused EPSV or a blocked port leads to PASV; after that the
 * transfer command leaves while the connection is still being made, which saves a round trip a file.
 */
export async function openPassive(request: DataRequest): Promise<DataConnection> {
  const { session, interrupt } = request;
  const { settings, dataMode } = session;
  if (dataMode.epsv) {
    try {
      const { port } = parse229(await askPort(request, 'EPSV'));
      return await connect(request, session.peerHost, port);
    } catch (error) {
      if (settings.extended === true || !leadsToPasv(error) || interrupt.reason) throw error;
      dataMode.epsv = dataMode.proven = false;
    }
  }
  const { host, port } = parse227(await askPort(request, 'PASV'));
  return connect(request, settings.trustServerPasvAddress ? host : session.peerHost, port);
}

/** Who wants a port. */
type Asker = Pick<DataRequest, 'session' | 'control'> & Partial<Pick<DataRequest, 'interrupt'>>;

/**
 * The server's reply to EPSV or PASV. Asked once more behind a 425, when nothing has begun: where two sessions choose the same
 * port at a time, Pure-FTPd 1.0.50 fails one with "Address already in use".
 */
export async function askPort({ session, control, interrupt }: Asker, verb: 'EPSV' | 'PASV'): Promise<Reply> {
  const command = session.command(verb);
  try {
    return await control.exec(command);
  } catch (error) {
    if (!(error instanceof TemporaryError) || error.reply?.code !== 425 || interrupt?.reason) throw error;
    return control.exec(command);
  }
}

/** The server does not know EPSV, or its port cannot be reached. */
function leadsToPasv(error: unknown): boolean {
  return error instanceof PermanentError || error instanceof TransferError || error instanceof TimeoutError;
}

async function connect({ session, listener, interrupt, reading }: DataRequest, host: string, port: number): Promise<DataConnection> {
  const { dataMode, settings } = session;
  const source = new PassiveSource(session, host, port, reading);
  if (!dataMode.proven && !interrupt.reason) {
    try {
      await interrupt.race(source.connected);
    } catch (error) {
      if (error !== interrupt.reason) throw error;
    }
  }
  // Also for a transfer that was cancelled meanwhile: the server waits for the connection, so somebody has to end it.
  return new DataConnection(source, listener, settings);
}

/** A connection that we make. */
class PassiveSource implements DataSource {
  readonly reads: boolean;
  /** What comes of it is remembered for the session. */
  readonly connected: Promise<Duplex>;
  readonly #socket: Duplex;
  #receive: (chunk: Buffer) => boolean = () => true;

  readonly awaited = true;
  readonly secure: DataSource['secure'];

  constructor(session: Session, host: string, port: number, reading: boolean) {
    const { settings, dataMode, receiveBuffer } = session;
    const { localAddress, connectTimeout } = settings;
    this.secure = session.protection.secureData;
    this.reads = reading && !settings.createConnection && !this.secure;
    this.#socket = dial(
      { host, port, purpose: 'data', ...(localAddress === undefined ? {} : { localAddress }) },
      settings,
      this.reads ? receiveBuffer.onread((chunk) => this.#receive(chunk)) : undefined,
    );
    this.connected = connected(this.#socket, connectTimeout, `no data connection to port ${port} within ${connectTimeout} ms (connectTimeout)`).then(
      () => {
        dataMode.proven = true;
        return this.#socket;
      },
      (error: Error) => {
        dataMode.proven = false;
        throw error instanceof TimeoutError ? error : new TransferError(`the data connection could not be made: ${error.message}`, { cause: error, phase: 'data' });
      },
    );
    this.connected.catch(() => undefined); // the one who opens is told
  }

  open(receive: (chunk: Buffer) => boolean): Promise<Duplex> {
    this.#receive = receive;
    return this.connected;
  }

  cancel(gently: boolean): void {
    if (!gently) this.#socket.destroy();
  }
}
