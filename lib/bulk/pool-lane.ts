import { KeepAlive } from '../control/keep-alive';
import { Session } from '../control/session';
import type { Place } from '../control/turns';
import { isFTPError } from '../errors';

/** What a lane tells its pool. */
export interface LaneListener {
  /** Its connection is gone. */
  onLost(lane: Lane): void;
}

/** One connection of a pool, and the operation that has it. */
export class Lane {
  readonly session: Session;
  /** The operation that may write to the connection; it may also make it again. */
  holder: Place | undefined;
  /** Given up before it was up. */
  abandoned = false;
  readonly #keepAlive: KeepAlive;

  /** @param kin the session whose options it has */
  constructor(kin: Session, listener: LaneListener) {
    const { signal: _pools, ...settings } = kin.settings;
    this.session = new Session(
      settings,
      {
        onCommand: ignore,
        onReply: ignore,
        onLogin: () => this.#keepAlive.start(),
        onClose: () => {
          this.#keepAlive.stop();
          listener.onLost(this);
        },
      },
      kin,
    );
    this.#keepAlive = new KeepAlive(this.session, () => !this.holder);
  }

  /** True while there is a connection. */
  get up(): boolean {
    return this.session.control !== undefined;
  }

  /** Connects and logs in. */
  async open(): Promise<void> {
    await this.session.ready();
  }

  /** Gives the connection up while it is being made. */
  abandon(): void {
    this.abandoned = true;
    this.close();
  }

  /** Says QUIT behind what is still to be answered, and closes; a server that is gone need not be told. */
  async quit(): Promise<void> {
    const { control } = this.session;
    control?.hangUp();
    try {
      await control?.exec(this.session.command('QUIT'));
    } catch (error) {
      if (!isFTPError(error)) throw error;
    } finally {
      this.close();
    }
  }

  /** Closes at once: what is under way fails. */
  close(error?: Error): void {
    this.session.close(error);
  }

}

function ignore(): void {
  // the pool hears of what matters otherwise
}
