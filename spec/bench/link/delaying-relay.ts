import { once } from 'node:events';
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { offered } from '../../support/fault-proxy/endpoints';
import type { Running } from '../servers/running';
import type { Place } from '../work';

/**
 * Where packets cannot be delayed: a relay that holds back what passes, control and passive data connections. The making of a
 * connection is not delayed, so a client that waits for one before it sends its command shows a round trip less than it takes.
 *
 * @param delay seconds, for one way
 */
export async function startRelay({ place, stop }: Running, delay: number): Promise<Running> {
  const relay = new DelayingRelay(place, delay * 1000);
  const port = await relay.listen((client) => relay.join(client, place.port, true));
  return {
    place: { ...place, host: '127.0.0.1', port },
    stop() {
      relay.close();
      stop();
    },
  };
}

/** A timer is up to two milliseconds late, which four times a file would be counted as a third of a round trip: the last ones are spent in turns. */
async function exactly(delay: number): Promise<void> {
  const due = performance.now() + delay;
  await sleep(Math.max(0, delay - 3));
  while (performance.now() < due) await turn();
}

class DelayingRelay {
  readonly #servers = new Set<Server>();

  constructor(private readonly target: Place, private readonly delay: number) {}

  async listen(arrive: (client: Socket) => void): Promise<number> {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, arrive).listen(0, '127.0.0.1');
    this.#servers.add(server);
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  }

  join(client: Socket, port: number, control: boolean): void {
    const server = connect({ host: this.target.host, port, allowHalfOpen: true, noDelay: true });
    this.#carry(client, server, (chunk) => Promise.resolve(chunk));
    this.#carry(server, client, (chunk) => (control ? this.#redirect(chunk) : Promise.resolve(chunk)));
  }

  close(): void {
    for (const server of this.#servers) server.close();
  }

  /** Chunks leave in order: all wait equally long, and for those before them. */
  #carry(source: Socket, target: Socket, change: (chunk: Buffer) => Promise<Buffer>): void {
    let last: Promise<unknown> = Promise.resolve();
    const later = (act: () => unknown): void => {
      last = Promise.all([last, exactly(this.delay)]).then(act);
    };
    source.on('data', (chunk: Buffer) => later(async () => target.write(await change(chunk))));
    source.on('end', () => later(() => target.end()));
    source.on('error', () => target.destroy());
  }

  /** Lines of replies come whole on loopback; those that name a port get one of ours. */
  async #redirect(chunk: Buffer): Promise<Buffer> {
    const lines = chunk.toString('latin1').split('\r\n');
    const changed = lines.map(async (line) => {
      const endpoint = offered(line);
      if (!endpoint) return line;
      return endpoint.at(await this.listen((client) => this.join(client, endpoint.port, false)));
    });
    return Buffer.from((await Promise.all(changed)).join('\r\n'), 'latin1');
  }
}
