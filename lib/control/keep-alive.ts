import type { Session } from './session';

/**
 * The option `keepAlive`: sends NOOP at its interval while the client is idle. No NOOP is sent while a reply is due, because aioftp 0.21
 * answers it before a PWD that waits. The timer does not keep the process alive.
 */
export class KeepAlive {
  readonly #session: Session;
  readonly #isIdle: () => boolean;
  #timer: NodeJS.Timeout | undefined;

  /** @param isIdle whether no operation uses the connection */
  constructor(session: Session, isIdle: () => boolean) {
    this.#session = session;
    this.#isIdle = isIdle;
  }

  /** Begins: a connection is ready for commands. */
  start(): void {
    const { keepAlive } = this.#session.settings;
    this.stop();
    if (keepAlive > 0) this.#timer = setInterval(this.#send, keepAlive).unref();
  }

  /** Ends: there is no connection any more. */
  stop(): void {
    clearInterval(this.#timer);
  }

  readonly #send = (): void => {
    const { control } = this.#session;
    if (control?.waiting === false && this.#isIdle()) control.exec(this.#session.command('NOOP')).catch(ignore);
  };
}

function ignore(): void {
  // a refusal keeps the connection alive as well; the next user of a lost connection gets the error
}
