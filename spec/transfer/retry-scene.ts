import type { FTP, RetrOptions, RetrStream, RetryEvent } from '../../lib/index';
import { content } from '../support/server/content';
import type { Sequence, Step } from '../support/server/script';
import { data, normal, send } from '../support/server/steps';
import { outcomeOf, received, type Bench, type Outcome } from '../support/transfers';

export const SIZE = 300_000;
/** Where most losses happen. */
export const CUT = 100_000;
export const PATTERN = content(SIZE);
export const FILE = PATTERN.read(0, SIZE);
export const QUICK = { attempts: 3, backoff: 2 } as const;

/** The events `retry` of a stream. */
export function retriesOf(stream: RetrStream): RetryEvent[] {
  const events: RetryEvent[] = [];
  stream.on('retry', (event: RetryEvent) => events.push(event));
  return events;
}

/** A download of `/file`, and a server that loses it. */
export class RetryScene {
  #stream: RetrStream | undefined;

  constructor(private readonly bench: Bench) {}

  /** A stream, and how its RETRs go wrong before one that does not. */
  stream(ftp: FTP, losses: readonly Sequence[], options: RetrOptions = {}): RetrStream {
    this.bench.server.script = { ...this.bench.server.script, RETR: [...losses, [normal()]] };
    return (this.#stream = ftp.retr('file', { retry: QUICK, ...options }));
  }

  /** The same, read to its end. */
  async download(losses: readonly Sequence[], options: RetrOptions = {}, ftp: FTP = this.bench.client()): Promise<Outcome & { retries: RetryEvent[]; stream: RetrStream }> {
    const stream = this.stream(ftp, losses, options);
    const retries = retriesOf(stream);
    return { ...(await outcomeOf(stream)), retries, stream };
  }

  /** Sends bytes of the file up to this one, and goes on when the client has them. */
  arrive(to: number, mark = `150 Opening BINARY mode data connection (${SIZE} bytes).`): Step {
    return async (session) => {
      const stream = this.#stream as RetrStream;
      const from = session.restart;
      const arrived = received(stream, stream.bytesRead + to - from);
      await send(mark)(session);
      await data(FILE.subarray(from, to))(session);
      await arrived.promise;
    };
  }
}
