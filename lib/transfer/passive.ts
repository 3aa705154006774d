import type { Duplex } from 'node:stream';
import { Command } from '../control/command';
import type { ControlConnection } from '../control/control-connection';
import { parse227, parse229 } from '../control/reply-text';
import type { Session } from '../control/session';
import { codecFor } from '../encoding';
import { ArgumentError, type FTPError, PermanentError, TemporaryError, TimeoutError, TransferError } from '../errors';
import { ConnectionAttempt } from '../net/dial';
import type { Reply } from '../reply';
import { DataConnection, type DataRequest, type DataSource, type SourceListener } from './data-connection';
import type { Interrupt } from './interrupt';

/** RFC 2428, 3. One for all sessions, as no encoding matters to it. */
export const EPSV = new Command('EPSV', codecFor('ascii'));
/** RFC 959, 4.1.2. */
export const PASV = new Command('PASV', codecFor('ascii'));

/**
 * Asks the server to listen and connects to it (RFC 2428 EPSV, RFC 959 PASV).
 *
 * The first time, this waits for the connection, so that a refused EPSV or a blocked port leads to PASV; after that the
 * transfer command leaves while the connection is still being made, which saves a round trip a file.
 */
export async function openPassive(request: DataRequest): Promise<DataConnection> {
  const { session, control, interrupt } = request;
  const { settings } = session;
  const { mode } = session.dataMeans;
  if (mode.epsv) {
    try {
      const { port } = parse229(await askPort(control, EPSV, interrupt));
      return await connect(request, session.peerHost, port);
    } catch (error) {
      if (settings.extended === true || !leadsToPasv(error) || interrupt.reason || !control.open) throw error;
      mode.epsv = mode.proven = false;
    }
  }
  const { host, port } = parse227(await askPort(control, PASV, interrupt));
  return connect(request, settings.trustServerPasvAddress ? host : session.peerHost, port);
}

/**
 * The server's reply to EPSV or PASV. Asked once more behind a 425, when nothing has begun: where two sessions choose the same
 * port at a time, Pure-FTPd 1.0.50 fails one with "Address already in use".
 */
export function askPort(control: ControlConnection, command: Command, interrupt?: Interrupt): Promise<Reply> {
  return control.exec(command).catch((error: unknown) => {
    if (!(error instanceof TemporaryError) || error.reply?.code !== 425 || interrupt?.reason) throw error;
    return control.exec(command);
  });
}

/** The server does not know EPSV, or its port cannot be reached. */
function leadsToPasv(error: unknown): boolean {
  return error instanceof PermanentError || error instanceof TransferError || error instanceof TimeoutError;
}

function connect(request: DataRequest, host: string, port: number): DataConnection | Promise<DataConnection> {
  const { session, control, interrupt } = request;
  control.assertOpen(); // the reply may have come together with the end
  const source = new PassiveSource(request, host, port);
  const connection = (): DataConnection => new DataConnection(source, request);
  if (session.dataMeans.mode.proven || interrupt.reason) return connection();
  return interrupt.race(source.made()).then(connection, (error: unknown) => {
    if (error !== interrupt.reason) throw error;
    return connection(); // also for a transfer that was cancelled meanwhile: the server waits for it, so somebody has to end it
  });
}

/** A connection that we make; what comes of it is remembered for the session. */
class PassiveSource implements DataSource {
  readonly awaited = true;
  readonly reads: boolean;
  readonly #session: Session;
  readonly #port: number;
  readonly #attempt: ConnectionAttempt;
  #listener: Partial<SourceListener> = {};
  #state: 'connecting' | { readonly made: Duplex } | { readonly failed: Error } = 'connecting';

  constructor({ session, direction, lent }: DataRequest, host: string, port: number) {
    const { settings, dataMeans, protection } = session;
    this.#session = session;
    this.#port = port;
    this.reads = direction === 'down' && !settings.createConnection && !protection.secureData;
    const onread = this.reads ? dataMeans.receiveBuffer.onread((chunk) => this.#listener.onBytes?.(chunk) ?? true, lent) : undefined;
    this.#attempt = new ConnectionAttempt({ host, port, purpose: 'data' }, settings, onread);
    if (this.#attempt.underWay) {
      dataMeans.attempt = this.#attempt;
      dataMeans.connecting.start(this.#onLate);
    }
    this.#attempt.listen({ onMade: (socket) => this.#onMade(socket), onFailed: (error) => this.#onFailed(error) });
  }

  /** Settles when the connection is made, or cannot be. */
  made(): Promise<void> {
    return new Promise((resolve, reject) => this.open({ onMade: () => resolve(), onError: reject }));
  }

  open(listener: Partial<SourceListener>): void {
    this.#listener = listener;
    if (this.#state === 'connecting') return;
    if ('made' in this.#state) listener.onMade?.(this.#state.made);
    else listener.onError?.(this.#state.failed);
  }

  cancel(): void {
    this.#attempt.destroy();
  }

  readonly #onLate = (): void => {
    const { connectTimeout } = this.#session.settings;
    this.#attempt.destroy(new TimeoutError(`no data connection to port ${this.#port} within ${connectTimeout} ms (connectTimeout)`));
  };

  #onMade(socket: Duplex): void {
    this.#state = { made: socket };
    this.#learn(true);
    socket.on('error', (error) => this.#listener.onError?.(error)).on('close', () => this.#listener.onClose?.());
    this.#listener.onMade?.(socket);
  }

  #onFailed(cause: FTPError): void {
    const told = cause instanceof TimeoutError || cause instanceof ArgumentError || !this.#session.control;
    this.#state = { failed: told ? cause : new TransferError(`the data connection could not be made: ${cause.message}`, { cause, phase: 'data' }) };
    this.#learn(false);
    this.#listener.onError?.(this.#state.failed);
  }

  #learn(proven: boolean): void {
    const { dataMeans } = this.#session;
    if (dataMeans.attempt === this.#attempt) dataMeans.attempt = undefined;
    dataMeans.connecting.stop(this.#onLate);
    dataMeans.mode.proven = proven;
  }
}
