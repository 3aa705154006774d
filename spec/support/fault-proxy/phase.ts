import { RetrStream, type FTP, type FTPError, type Phase, type Reply } from '../../../lib/index';
import type { Scene } from './operations';

/** Follows a client from outside, by its events, to know in which phases it may fail. */
export class PhaseWatch {
  /** The events, for the reader of a failure. */
  readonly transcript: string[] = [];
  #stage: Phase;
  #lastStage: Phase | undefined;
  #opened = false;
  #protections = 0;

  constructor(
    private readonly ftp: FTP,
    connected: boolean,
    private readonly secure: boolean,
  ) {
    this.#stage = connected ? 'command' : 'connect';
    ftp.on('command', this.#onCommand).on('reply', this.#onReply).on('close', this.#onClose);
  }

  /** Stops listening. */
  end(): void {
    this.ftp.off('command', this.#onCommand).off('reply', this.#onReply).off('close', this.#onClose);
  }

  /** Where an error that has been raised by now may say that it happened. */
  allowed({ stream }: Scene, { reply }: FTPError): readonly (Phase | undefined)[] {
    const stage = this.#lastStage ?? this.#stage;
    if (stage === 'connect') return ['connect'];
    if (stage === 'login') return this.secure ? ['connect', 'login'] : ['login'];
    if (!stream) return [undefined, 'command'];
    const [moved, missing] = stream instanceof RetrStream ? [stream.bytesRead > 0, !reply && stream.bytesRead < (stream.expectedBytes ?? 0) >> 1] : [true, false];
    // What goes wrong with the data connection is of phase `data` also before the mark; and data may come before it.
    const before: readonly Phase[] = this.#opened ? [] : ['command'];
    return [...before, 'data', ...((moved || this.#opened) && !missing ? (['completion'] as const) : [])];
  }

  readonly #onCommand = (line: string): void => {
    this.transcript.push(`> ${line}`);
  };

  readonly #onReply = (reply: Reply): void => {
    this.transcript.push(`< ${String(reply).split('\n')[0]}`);
    if (reply.code === 220 && this.#stage === 'connect') this.#stage = 'login';
    if (reply.code === 230 && !this.secure) this.#stage = 'command';
    if (this.secure && reply.code === 200 && this.#stage === 'login' && ++this.#protections === 2) this.#stage = 'command'; // PBSZ, PROT
    if (reply.kind === 'preliminary') this.#opened = true;
  };

  readonly #onClose = (error: Error | undefined): void => {
    this.transcript.push(`closed: ${error?.message ?? 'by us'}`);
    this.#lastStage ??= this.#stage;
    this.#stage = 'connect';
  };
}
