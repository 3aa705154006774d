import { FTPError, LimitError, PermanentError, ReplyError, SecurityError, TransferError } from '../errors';
import type { Entry } from '../listing/entry';
import type { Reply } from '../reply';
import { Backoff, type RetryOptions } from '../transfer/retry';
import type { Remote } from './remote';
import { type Budget, TreeTable } from './tree-memory';
import { pauseAfter } from './work';

/** An entry of a tree. */
export interface WalkEntry extends Entry {
  /** From the start of the tree, its parts joined by `/`. */
  readonly path: string;
  /** 1 for what is in the start itself. */
  readonly depth: number;
}

/** The entry with its place: the same object, so that the bytes of its name stay known. */
export function placed(entry: Entry, folder: string, depth: number): WalkEntry {
  return Object.assign(entry, { path: joined(folder, entry.name), depth });
}

/** A path and a name in it; the empty path is the start. */
export function joined(folder: string, name: string): string {
  return folder === '' || folder.endsWith('/') ? `${folder}${name}` : `${folder}/${name}`;
}

/** A name from a server that is no name but a path leads somewhere else. @throws SecurityError */
export function checkName(name: string): void {
  if (name === '' || name === '.' || name === '..' || /[/\0]/.test(name)) {
    throw new SecurityError(`the server gave a name that is a path: ${JSON.stringify(name.slice(0, 200))}`);
  }
}

/** The folders of one server, with the names that begin with a dot where it gives them. */
export class Listings {
  readonly #remote: Remote;
  readonly #signal: AbortSignal;
  readonly #retry: { readonly retry: RetryOptions | number | true; readonly budget: Budget } | undefined;
  /** LIST needs the option `-a` for hidden names, which aioftp and Twisted take for a part of the path. */
  #flag = true;
  /** MLSD needs no option, and was seen to be what the server is asked by. */
  #mlsd = false;
  /**
   * What listings do with their path: some servers list the working folder, whatever they are asked for. Two paths that show different
   * things prove that it is looked at; a folder that shows what the one around it shows is entered, and listed without a path.
   */
  #paths: 'unproven' | 'looked at' | 'ignored' = 'unproven';

  /** @param retry how a listing that was lost is read again, and what its names may take; undefined: not at all */
  constructor(remote: Remote, signal: AbortSignal, retry?: { readonly retry: RetryOptions | number | true; readonly budget: Budget }) {
    this.#remote = remote;
    this.#signal = signal;
    this.#retry = retry;
  }

  /** Whether a name that begins with a dot would have been listed. */
  get showsHidden(): boolean {
    return this.#mlsd || this.#flag;
  }

  /** @param parent the listing of the folder that it is in */
  folder(path: string, parent?: FolderListing): FolderListing {
    return new FolderListing(path, (listing) => this.#persist(() => this.#list(listing, this.#paths === 'ignored', parent?.outline)));
  }

  /** Where something is to be deleted: the folder is entered, unless it is known that the server looks at paths. */
  sureFolder(path: string): FolderListing {
    return new FolderListing(path, (listing) => this.#persist(() => this.#list(listing, this.#paths !== 'looked at', undefined)));
  }

  /**
   * Whether something may be deleted because this listing, which was read to its end, does not show it: the server has called it complete,
   * every line could be read, and it is of that folder, which is entered to compare it where that is not known.
   */
  async proves(listing: FolderListing | undefined): Promise<boolean> {
    return listing !== undefined && listing.whole && (listing.path === '' || listing.entered || this.#paths === 'looked at' || (listing.proven ??= await this.#isOfItsFolder(listing)));
  }

  async #isOfItsFolder({ path, outline }: FolderListing): Promise<boolean> {
    const again = this.sureFolder(path);
    for await (const _entry of again) continue;
    return again.whole && again.outline.resembles(outline);
  }

  /** Reads a listing, and again after a loss: then without the names that were given before. */
  #persist(list: () => AsyncGenerator<Entry, void, void>): AsyncGenerator<Entry, void, void> {
    return this.#retry ? this.#again(list, new Backoff(this.#retry.retry), new TreeTable<[]>(this.#retry.budget)) : list();
  }

  async *#again(list: () => AsyncGenerator<Entry, void, void>, backoff: Backoff, given: TreeTable<[]>): AsyncGenerator<Entry, void, void> {
    try {
      for (;;) {
        const before = given.size;
        try {
          for await (const entry of list()) {
            if (given.has(entry.name)) continue;
            given.add(entry.name);
            yield entry;
          }
          return;
        } catch (error) {
          if (given.size > before) backoff.reset();
          await pauseAfter(error, { backoff, signal: this.#signal });
        }
      }
    } finally {
      given.clear();
    }
  }

  /** @param above what the folder around it looks like */
  async *#list(listing: FolderListing, enter: boolean, above: Outline | undefined): AsyncGenerator<Entry, void, void> {
    const suspect = !enter && this.#paths === 'unproven' ? above?.first : undefined;
    let withheld = false;
    for (let all = this.#flag, again = true; again; ) {
      again = false;
      try {
        for await (const entry of this.#open(listing, all, enter)) {
          if (!listing.outline.first) withheld = entry.raw === suspect?.raw;
          listing.outline.add(entry);
          this.#mlsd ||= entry.facts?.['type'] !== undefined;
          if (!withheld) yield entry;
        }
      } catch (error) {
        if (!all || listing.outline.first || this.#mlsd || !(error instanceof PermanentError)) throw error;
        again = true;
      }
      const found = listing.outline.first !== undefined;
      if (found) this.#flag &&= all;
      // Nothing may mean that the option was taken for a name.
      else if (all && !this.#mlsd) again = true;
      if (again) all = false;
    }
    if (!suspect) return;
    const { outline } = listing;
    if (outline.first?.name !== suspect.name || (withheld && !outline.equals(above))) this.#paths = 'looked at';
    if (!withheld) return;
    yield* this.#list(listing, this.#paths !== 'looked at', undefined);
    if (listing.entered && !listing.outline.equals(outline)) this.#paths = 'ignored';
  }

  #open(listing: FolderListing, all: boolean, enter: boolean): AsyncIterable<Entry> {
    const { path } = listing;
    this.#signal.throwIfAborted();
    listing.begin(enter);
    const stream = this.#remote.list(path === '' ? undefined : path, { all, signal: this.#signal, ...(enter ? { enter } : {}) });
    return stream.on('unparsed', (line: string) => listing.leaveOut(line)).on('reply', ({ kind }: Reply) => listing.end(kind === 'completion'));
  }
}

/** What a listing looks like, to tell it from others. */
class Outline {
  first: Pick<Entry, 'name' | 'raw'> | undefined;
  #last: Pick<Entry, 'name' | 'raw'> = { name: '', raw: '' };
  #count = 0;
  #bytes = 0;

  add({ name, raw, size = 0 }: Entry): void {
    this.first ??= { name, raw };
    this.#last = { name, raw };
    this.#count += 1;
    this.#bytes += size;
  }

  /** The same first and last name, and as many between them: what a file has in the meantime is no difference. */
  resembles(other: Outline): boolean {
    return this.first?.name === other.first?.name && this.#last.name === other.#last.name && this.#count === other.#count;
  }

  /** The same first and last line, as many between them, and as many bytes in all. */
  equals(other: Outline | undefined): boolean {
    return other !== undefined && this.first?.raw === other.first?.raw && this.#last.raw === other.#last.raw && this.#count === other.#count && this.#bytes === other.#bytes;
  }
}

/** A line of a listing that nobody can read; without `line`, all those beyond the first ones. */
interface LineLeftOut {
  readonly line?: string;
  readonly error: Error;
}

/** Lines that are kept till they are taken. */
const MOST_LINES = 100;
const LONGEST_SHOWN = 200;

/** One folder, to be read once. */
export class FolderListing implements AsyncIterable<Entry> {
  /** Entering the folder has shown the same, or not; undefined: not tried. */
  proven: boolean | undefined;
  readonly #entries: (listing: FolderListing) => AsyncGenerator<Entry, void, void>;
  #outline = new Outline();
  #entered = false;
  #completed = false;
  #readable = true;
  #lines: string[] = [];
  #moreLines = 0;

  constructor(
    readonly path: string,
    entries: (listing: FolderListing) => AsyncGenerator<Entry, void, void>,
  ) {
    this.#entries = entries;
  }

  [Symbol.asyncIterator](): AsyncGenerator<Entry, void, void> {
    return this.#entries(this);
  }

  /** What came, as far as it was read. */
  get outline(): Outline {
    return this.#outline;
  }

  /** The folder was entered to be listed. */
  get entered(): boolean {
    return this.#entered;
  }

  /** The server called it complete: 450 in place of a listing may mean that a folder is empty, is missing, or is kept from us. */
  get completed(): boolean {
    return this.#completed;
  }

  /** Every line could be read. */
  get readable(): boolean {
    return this.#readable;
  }

  /** The server called it complete, and every line could be read. */
  get whole(): boolean {
    return this.#completed && this.#readable;
  }

  /** Lines that nobody can read wait to be taken. */
  get hasLines(): boolean {
    return this.#lines.length > 0;
  }

  /** The lines that nobody can read, and that were not taken yet. */
  *takeLines(): Generator<LineLeftOut> {
    for (const line of this.#lines.splice(0)) yield { line, error: new TransferError(`${this.#shown}: a line of the listing cannot be read: ${JSON.stringify(line.slice(0, LONGEST_SHOWN))}`) };
    if (this.#moreLines > 0) yield { error: new TransferError(`${this.#shown}: ${this.#moreLines} more lines of the listing cannot be read`) };
    this.#moreLines = 0;
  }

  // What follows is for Listings.

  /** It is listed, perhaps once more, in another way. */
  begin(entered: boolean): void {
    this.#outline = new Outline();
    this.#entered = entered;
    this.#completed = false;
    this.#readable = true;
    this.#lines = [];
    this.#moreLines = 0;
  }

  leaveOut(line: string): void {
    this.#readable = false;
    if (this.#lines.length < MOST_LINES) this.#lines.push(line);
    else this.#moreLines += 1;
  }

  end(completed: boolean): void {
    this.#completed = completed;
  }

  get #shown(): string {
    return this.path === '' ? 'the working folder' : this.path;
  }
}

/** Whether an error is about a path only, so that the next path may fare better. */
export function isAboutPath(error: unknown): boolean {
  if (!(error instanceof FTPError) || error.phase === 'login' || error.reply?.code === 421) return false;
  return error instanceof ReplyError || error instanceof TransferError || error instanceof LimitError;
}
