import type { Readable } from 'node:stream';
import type { RetryEvent } from '../healing/backoff';
import type { Reply } from '../control/reply';
import { ChangedError, TransferError } from '../errors';

/** What happens to one part of a download. */
export interface SegmentListener {
  onOpen(reply: Reply): void;
  onRetry(event: RetryEvent): void;
  /** So many bytes have arrived, and wait. */
  onChunk(bytes: number): void;
  /** All of the part has arrived. */
  onEnd(): void;
  onError(error: Error): void;
}

/** One part of a file on its way, and what of it waits to be delivered. */
export class Segment {
  readonly #stream: Readable;
  readonly #length: number | undefined;
  #chunks: Buffer[] = [];
  #received = 0;
  #ended = false;

  /** @param length bytes that it must have; undefined where that is not known */
  constructor(stream: Readable, length: number | undefined, { onOpen, onRetry, onChunk, onEnd, onError }: SegmentListener) {
    this.#stream = stream;
    this.#length = length;
    stream.on('open', onOpen).on('retry', onRetry).on('error', onError);
    stream.on('data', (chunk: Buffer) => {
      this.#received += chunk.length;
      if (length !== undefined && this.#received > length) return onError(new ChangedError(`a part of ${length} bytes has more of them`));
      this.#chunks.push(chunk);
      onChunk(chunk.length);
    });
    stream.on('end', () => {
      if (length !== undefined && this.#received !== length) return onError(new TransferError(`a part of ${length} bytes has ${this.#received} only`, { phase: 'data' }));
      this.#ended = true;
      onEnd();
    });
  }

  /** True when nothing is left of it. */
  get over(): boolean {
    return this.#ended && this.#chunks.length === 0;
  }

  /** Whether its reader wants more: all of a part that is bounded may wait, so that its connection is free soon. */
  want(more: boolean): void {
    if (this.#length !== undefined || this.#ended) return;
    if (more) this.#stream.resume();
    else this.#stream.pause();
  }

  /** The next bytes to deliver. */
  shift(): Buffer | undefined {
    return this.#chunks.shift();
  }

  destroy(): void {
    this.#chunks = [];
    this.#stream.destroy();
  }
}
