import type { Session } from './session';

/**
 * The option `keepAlive`: NOOP at its interval while nothing is said or awaited, for aioftp 0.21 answers it before a PWD that
 * waits. Its timer keeps no process alive.
 */
export class KeepAlive {
  readonly #session: Session;
  readonly #isIdle: () => boolean;
  #timer: NodeJS.Timeout | undefined;

  /** @param isIdle false while somebody has the connection */
  constructor(session: Session, isIdle: () => boolean) {
    this.#session = session;
    this.#isIdle = isIdle;
  }

  /** A connection is ready for commands. */
  start(): void {
    const { keepAlive } = this.#session.settings;
    this.stop();
    if (keepAlive > 0) this.#timer = setInterval(this.#say, keepAlive).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  readonly #say = (): void => {
    const { control } = this.#session;
    if (control?.waiting === false && this.#isIdle()) control.exec(this.#session.command('NOOP')).catch(ignore);
  };
}

function ignore(): void {
  // a refusal is an answer, too, and of a lost connection its next user is told
}
