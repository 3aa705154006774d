import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** So many ports rest before one is used again: a connection that comes too late finds nobody. */
const RESTING = 16;

/** A port that is lent to one data connection. */
export interface PassivePort {
  readonly port: number;
  /** Whoever connects goes to `take`; without it, or after `giveBack`, they are reset. */
  open(take: (socket: Socket) => void): void;
  giveBack(): void;
}

/** The ports of EPSV and PASV; opening one for each transfer takes milliseconds when thousands are in TIME_WAIT. */
export class PassivePorts {
  readonly #resting: Lent[] = [];
  #lent = 0;

  /** @param track told about each listener */
  constructor(
    private readonly host: string,
    private readonly track: (listener: Server) => void,
  ) {}

  /** How many are lent. */
  get lent(): number {
    return this.#lent;
  }

  async lend(): Promise<PassivePort> {
    this.#lent += 1;
    const rested = this.#resting.length > RESTING ? this.#resting.shift() : undefined;
    return rested?.lendAgain() ?? this.#listen();
  }

  async #listen(): Promise<Lent> {
    const listener = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true });
    this.track(listener);
    await once(listener.listen(0, this.host), 'listening');
    return new Lent(listener, (port) => {
      this.#lent -= 1;
      this.#resting.push(port);
    });
  }
}

class Lent implements PassivePort {
  readonly port: number;
  #take: ((socket: Socket) => void) | undefined;
  #out = true;

  constructor(
    listener: Server,
    private readonly onBack: (port: Lent) => void,
  ) {
    this.port = (listener.address() as AddressInfo).port;
    listener.on('connection', (socket: Socket) => {
      if (this.#take) this.#take(socket);
      else socket.resetAndDestroy();
    });
  }

  open(take: (socket: Socket) => void): void {
    this.#take = take;
  }

  giveBack(): void {
    if (!this.#out) return;
    this.#out = false;
    this.#take = undefined;
    this.onBack(this);
  }

  lendAgain(): this {
    this.#out = true;
    return this;
  }
}
