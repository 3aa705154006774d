import type { Duplex } from 'node:stream';

/** Where a data connection comes from: we connect, or we listen. */
export interface DataSource {
  /** True when we make the connection, and the server waits for it. */
  readonly awaited: boolean;
  /** True when the socket hands what it reads to the listener by itself. */
  readonly reads: boolean;
  /** Makes the one connection, and tells of it. */
  open(listener: SourceListener): void;
  /** Stops trying. */
  cancel(): void;
}

/** What a source tells of its connection, from the beginning to the end. */
export interface SourceListener {
  onMade(raw: Duplex): void;
  /** Of a source that `reads`; false pauses. */
  onBytes(chunk: Buffer): boolean;
  onError(error: Error): void;
  onClose(): void;
}
