import { FTPError, LimitError, PermanentError, ReplyError, TransferError } from '../errors';
import type { Entry } from '../listing/entry';
import type { Remote } from './remote';

/** The folders of one server, with the names that begin with a dot where it gives them. */
export class Listings {
  readonly #remote: Remote;
  readonly #signal: AbortSignal;
  /** LIST needs the option `-a` for hidden names, which aioftp and Twisted take for a part of the path. */
  #flag = true;
  /** MLSD needs no option, and was seen to be what the server is asked by. */
  #mlsd = false;

  constructor(remote: Remote, signal: AbortSignal) {
    this.#remote = remote;
    this.#signal = signal;
  }

  /** Whether a name that begins with a dot would have been listed. */
  get showsHidden(): boolean {
    return this.#mlsd || this.#flag;
  }

  folder(path: string): FolderListing {
    return new FolderListing((onUnparsed) => this.#list(path, onUnparsed));
  }

  async *#list(path: string, onUnparsed: () => void): AsyncGenerator<Entry, void, void> {
    let found = false;
    if (this.#flag) {
      try {
        for await (const entry of this.#entries(path, true, onUnparsed)) {
          found = true;
          this.#mlsd ||= entry.facts?.['type'] !== undefined;
          yield entry;
        }
        // Nothing may mean that the option was taken for a name.
        if (found || this.#mlsd) return;
      } catch (error) {
        if (found || this.#mlsd || !(error instanceof PermanentError)) throw error;
      }
    }
    for await (const entry of this.#entries(path, false, onUnparsed)) {
      this.#flag = false;
      this.#mlsd ||= entry.facts?.['type'] !== undefined;
      yield entry;
    }
  }

  #entries(path: string, all: boolean, onUnparsed: () => void): AsyncIterable<Entry> {
    this.#signal.throwIfAborted();
    return this.#remote.list(path === '' ? undefined : path, { all, signal: this.#signal }).on('unparsed', onUnparsed);
  }
}

/** One folder, to be read once. */
export class FolderListing implements AsyncIterable<Entry> {
  readonly #entries: (onUnparsed: () => void) => AsyncGenerator<Entry, void, void>;
  #whole = true;

  constructor(entries: (onUnparsed: () => void) => AsyncGenerator<Entry, void, void>) {
    this.#entries = entries;
  }

  /** False where lines could not be read: then a name that was not listed may be there all the same. */
  get whole(): boolean {
    return this.#whole;
  }

  [Symbol.asyncIterator](): AsyncGenerator<Entry, void, void> {
    return this.#entries(() => (this.#whole = false));
  }
}

/** Whether an error is about a path only, so that the next path may fare better. */
export function isAboutPath(error: unknown): boolean {
  if (!(error instanceof FTPError) || error.phase === 'login' || error.reply?.code === 421) return false;
  return error instanceof ReplyError || error instanceof TransferError || error instanceof LimitError;
}
