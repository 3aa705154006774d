import { Readable, type ReadableOptions } from 'node:stream';
import { ConnectionClosedError } from '../errors';
import type { ReadableEvents, TypedReadable } from '../typed-streams';

/** Readable, as TypedReadable describes it. */
const Typed = Readable as unknown as abstract new <T, E extends ReadableEvents<T>>(options?: ReadableOptions) => TypedReadable<T, E>;

/**
 * A Readable that is left when nothing takes it any more: `pipe` of Node takes a destination that is gone off its list and leaves the source
 * paused for ever, with the connection that it holds; an HTTP response is gone whenever its browser leaves.
 */
export abstract class PipedReadable<T, E extends ReadableEvents<T> = ReadableEvents<T>> extends Typed<T, E> {
  /** Pipes it into a Writable, as Node's `pipe` does; when that is gone and nothing else reads this stream, it is destroyed. */
  override pipe<D extends NodeJS.WritableStream>(destination: D, options?: { end?: boolean }): D {
    const onUnpipe = (source: unknown): void => {
      if (source !== this) return;
      destination.off('unpipe', onUnpipe);
      // Not at once: whoever hears of the end may pipe this into something else.
      if (isGone(destination)) process.nextTick(() => this.#leaveIfUnread());
    };
    destination.on('unpipe', onUnpipe);
    return super.pipe(destination, options);
  }

  /** Whether somebody reads this: a pipe, a loop, a listener, who may have paused for a moment. */
  protected get isAttended(): boolean {
    return this.#isTaken || this.listenerCount('data') > 0;
  }

  /** Whether it goes on by itself: who merely counts what is piped does not read it on when the pipe is gone, for Node has paused it then. */
  get #isTaken(): boolean {
    return this.readableFlowing === true || this.listenerCount('readable') > 0 || pipesOf(this).length > 0;
  }

  #leaveIfUnread(): void {
    if (!this.#isTaken && !this.readableEnded) this.destroy();
  }
}

/**
 * What a stream fails with that keeps its client from quitting: nobody reads it on, or its reader may be the one who waits for the client's end.
 */
export function unreadAtQuit(): ConnectionClosedError {
  return new ConnectionClosedError('the client quit, and nobody read this stream on', { final: true });
}

/** What a stream is piped into: Node keeps it where only its own code looks; without that, nothing is known. */
export function pipesOf(stream: object): readonly object[] {
  return (stream as { _readableState?: { pipes?: readonly object[] } })._readableState?.pipes ?? [];
}

/**
 * Changes while what was read of a stream gets on, however slowly: through what it is piped into, and out of the socket in the end. One chunk may
 * keep a throttle or a browser busy for long, and so may its lines keep a loop that takes them singly.
 */
export function progressOf(stream: object, depth = 0): string {
  const { readableLength, writableLength, bytesWritten, socket = stream } = stream as Partial<import('node:net').Socket> & { socket?: object | null };
  const inKernel = (socket as { _handle?: { writeQueueSize?: number } | null } | null)?._handle?.writeQueueSize; // where Node's own timeout looks for it
  const here = [readableLength, writableLength, bytesWritten, inKernel].join(' ');
  return depth < LONGEST_PIPELINE ? [here, ...pipesOf(stream).map((next) => progressOf(next, depth + 1))].join('>') : here;
}

/** Streams after one another that are looked at. */
export const LONGEST_PIPELINE = 16;

function isGone(destination: NodeJS.WritableStream): boolean {
  const { destroyed, closed, errored, writableEnded } = destination as Partial<import('node:stream').Writable>;
  return destroyed === true || closed === true || Boolean(errored) || writableEnded === true;
}
