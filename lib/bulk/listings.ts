import { askUnlessAborted } from '../abort';
import { FTPError, LimitError, PermanentError, ReplyError, SecurityError, TemporaryError, TransferError } from '../errors';
import type { Entry } from '../listing/entry';
import type { Reply } from '../reply';
import { lastName } from '../listing/mlsx';
import { entryAt, folderOf } from '../transfer/facts';
import type { ListOptions } from '../transfer/list-plan';
import { Backoff, type RetryOptions } from '../transfer/retry';
import { type NextTry, pauseBeforeRetry, type Remote } from './remote';
import { type Budget, TreeTable } from './tree-memory';

/** An entry of a tree: an entry of a listing with its place. */
export interface WalkEntry extends Entry {
  /** The path from the start of the tree, its parts joined by `/`. */
  readonly path: string;
  /** The level: 1 for what lies in the first folder. */
  readonly depth: number;
}

/** Gives an entry its place. It stays the same object, for which the bytes of its name are remembered. */
export function placed(entry: Entry, folder: string, depth: number): WalkEntry {
  return Object.assign(entry, { path: joined(folder, entry.name), depth });
}

/** The path of a name in a folder; the empty path is the start of the tree. */
export function joined(folder: string, name: string): string {
  return folder === '' || folder.endsWith('/') ? `${folder}${name}` : `${folder}/${name}`;
}

/** Refuses a name from a server that is a path, and leads somewhere else. @throws SecurityError */
export function checkName(name: string): void {
  if (name === '' || name === '.' || name === '..' || /[/\0]/.test(name)) {
    throw new SecurityError(`the server gave a name that is a path: ${JSON.stringify(name.slice(0, 200))}`);
  }
}

/** How a listing is read again after a loss. */
interface ListingRetry {
  readonly retry: RetryOptions | number | true;
  /** For the names that it has given by then. */
  readonly budget: Budget;
  /** Called before the pause; what it throws ends the tries. */
  readonly onRetry?: (error: unknown, next: NextTry) => void;
}

/** Lists the folders of one server, with the names that begin with a dot where the server gives them. */
export class Listings {
  readonly #remote: Remote;
  readonly signal: AbortSignal;
  readonly #retry: ListingRetry | undefined;
  #showsHidden = true;
  /**
   * Whether the server looks at the path of a listing: some list the working folder, whatever they are asked for. Two paths that show different
   * things prove that it does. A folder that shows what its parent shows is entered and listed without a path, to find out.
   */
  #paths: 'unknown' | 'looked at' | 'ignored' = 'unknown';
  /** Folders that nobody may read, by their permissions: aioftp 0.21 and LIST of ProFTPD 1.3.8 list them as empty ones. */
  readonly #unreadable = new Set<string>();

  /** @param retry undefined: a listing is not read again after a loss */
  constructor(remote: Remote, signal: AbortSignal, retry?: ListingRetry) {
    this.#remote = remote;
    this.signal = signal;
    this.#retry = retry;
  }

  /** Whether a name that begins with a dot would have been listed. */
  get showsHidden(): boolean {
    return this.#showsHidden;
  }

  /** The listing of a folder. @param parent the listing of the folder that it is in; undefined for one that the caller has named, which may be a file */
  folder(path: string, parent?: FolderListing): FolderListing {
    return new FolderListing(path, (listing) => this.#withRetry(listing, () => this.#list(listing, this.#paths === 'ignored', parent?.outline, !parent && path !== '')));
  }

  /** The listing of a folder in which something may be deleted: the folder is entered, unless the server is known to look at paths. */
  sureFolder(path: string): FolderListing {
    return new FolderListing(path, (listing) => this.#withRetry(listing, () => this.#list(listing, this.#paths !== 'looked at', undefined)));
  }

  /**
   * Whether what a listing does not show is not there, so that it may be deleted on the other side. The listing must have been read to its end. The
   * server has called it complete, every line could be read, and it is of the right folder, not of a file: where that is not known, the folder is
   * entered and listed again to compare.
   */
  async showsAll(listing: FolderListing | undefined): Promise<boolean> {
    if (!listing?.whole || listing.isOfFile) return false;
    if (listing.path === '' || listing.entered || (this.#paths === 'looked at' && !listing.mayBeOfFile)) return true;
    return (listing.isOfItsFolder ??= await this.#isOfItsFolder(listing));
  }

  /** Enters the folder whatever is known of the server, for a file cannot be entered. */
  async #isOfItsFolder({ path, outline }: FolderListing): Promise<boolean> {
    const again = new FolderListing(path, (listing) => this.#withRetry(listing, () => this.#list(listing, true, undefined)));
    for await (const _entry of again) continue;
    return again.whole && !again.isOfFile && again.outline.resembles(outline);
  }

  /** Reads a listing, and after a loss once more, without the names that it has given before. */
  #withRetry({ path }: FolderListing, list: () => AsyncGenerator<Entry, void, void>): AsyncGenerator<Entry, void, void> {
    return this.#retry ? this.#again(path, list, new Backoff(this.#retry.retry), new TreeTable<[]>(this.#retry.budget)) : list();
  }

  async *#again(path: string, list: () => AsyncGenerator<Entry, void, void>, backoff: Backoff, given: TreeTable<[]>): AsyncGenerator<Entry, void, void> {
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
          if (error instanceof TemporaryError && mayMeanMissing(error) && path !== '' && (await entryAt(this.#remote, path).catch(() => 'unknown')) === undefined) throw error; // it is missing
          await pauseBeforeRetry(error, { backoff, signal: this.signal, onRetry: this.#retry?.onRetry });
        }
      }
    } finally {
      given.clear();
    }
  }

  /**
   * @param above the outline of its parent, for a server that may not look at paths
   * @param mayBeFile LIST shows a file as it would show a folder that has nothing but a file of that name: then the server is asked
   */
  async *#list(listing: FolderListing, enter: boolean, above: Outline | undefined, mayBeFile = false): AsyncGenerator<Entry, void, void> {
    const suspect = !enter && this.#paths === 'unknown' ? above?.first : undefined;
    let withheld = false;
    let namesake: Entry | undefined;
    for await (const entry of this.#open(listing, enter)) {
      if (namesake) yield namesake;
      namesake = mayBeFile && !listing.outline.first && entry.type !== 'directory' && entry.name === lastName(listing.path) ? entry : undefined;
      if (!listing.outline.first) withheld = entry.raw === suspect?.raw;
      listing.outline.add(entry);
      if (isForUploads(entry) && this.#unreadable.size < MOST_UNREADABLE) this.#unreadable.add(joined(listing.path, entry.name));
      if (!withheld && !namesake) yield entry;
    }
    if (namesake) {
      const named = await askUnlessAborted(() => entryAt(this.#remote, listing.path), this.signal);
      if (named?.type === 'file') throw new PermanentError(`LIST ${listing.path}: it is a file, and no folder`);
      yield namesake;
    }
    if (!listing.outline.first && this.#unreadable.has(listing.path)) {
      listing.doubt();
      throw new PermanentError(`LIST ${listing.path}: it is listed as an empty folder, and nobody may read it`);
    }
    const { outline } = listing;
    if (!suspect) return;
    if (outline.first?.name !== suspect.name || (withheld && !outline.equals(above))) this.#paths = 'looked at';
    if (!withheld) return;
    yield* this.#list(listing, this.#paths !== 'looked at', undefined);
    if (listing.entered && !listing.outline.equals(outline)) this.#paths = 'ignored';
  }

  #open(listing: FolderListing, enter: boolean): AsyncIterable<Entry> {
    const { path } = listing;
    this.signal.throwIfAborted();
    listing.begin(enter);
    const onListed: ListOptions['onListed'] = (shown) => {
      if (shown === 'doubtful') listing.doubt();
      else if (shown === 'file') listing.isOfFile = true;
      else this.#showsHidden = shown === 'all';
    };
    const stream = this.#remote.list(path === '' ? undefined : path, { all: true, signal: this.signal, onListed, ...(enter ? { enter } : {}) });
    return stream.on('unparsed', (line: string) => listing.leaveOut(line)).on('reply', (reply: Reply) => listing.end(reply)).on('error', () => listing.doubt());
  }
}

const MOST_UNREADABLE = 1000;

/** A folder that somebody may write to or enter, and nobody read. Without any of these rights a server says nothing about them. */
function isForUploads({ type, permissions = '' }: Entry): boolean {
  return type === 'directory' && /^(?:-[w-][xsStT-]){3}/.test(permissions) && /[wx]/.test(permissions);
}

/** What a listing looks like, to compare it with others. */
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

  /** Has nothing but that name. */
  isOnly(name: string): boolean {
    return this.#count === 1 && this.first?.name === name;
  }

  /** Has the same first and last name, and as many entries. What a file has become in the meantime makes no difference. */
  resembles(other: Outline): boolean {
    return this.first?.name === other.first?.name && this.#last.name === other.#last.name && this.#count === other.#count;
  }

  /** Has the same first and last line, as many entries, and as many bytes in all. */
  equals(other: Outline | undefined): boolean {
    return other !== undefined && this.first?.raw === other.first?.raw && this.#last.raw === other.#last.raw && this.#count === other.#count && this.#bytes === other.#bytes;
  }
}

/** A line of a listing that cannot be read; without `line`: all those after the first hundred. */
interface LineLeftOut {
  readonly line?: string;
  readonly error: Error;
}

/** Lines that are kept until they are taken. */
const MOST_LINES = 100;
const LONGEST_SHOWN = 200;

/** The listing of one folder, to be read once. */
export class FolderListing implements AsyncIterable<Entry> {
  /** Whether entering the folder has shown the same; undefined: not tried. */
  isOfItsFolder: boolean | undefined;
  /** The path cannot be entered, and leads to a file, which is its own listing. */
  isOfFile = false;
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

  /** What has come so far. */
  get outline(): Outline {
    return this.#outline;
  }

  /** It shows what LIST would show of a file. */
  get mayBeOfFile(): boolean {
    return this.#outline.isOnly(lastName(this.path));
  }

  /** The folder was entered to be listed. */
  get entered(): boolean {
    return this.#entered;
  }

  /** The server has called it complete. A 450 or 550 in place of a listing may mean that a folder is empty, is missing, or must not be read. */
  get completed(): boolean {
    return this.#completed;
  }

  /** Every line could be read. */
  get readable(): boolean {
    return this.#readable;
  }

  /** The server has called it complete, and every line could be read. */
  get whole(): boolean {
    return this.#completed && this.#readable;
  }

  /** There are lines to take. */
  get hasLines(): boolean {
    return this.#lines.length > 0;
  }

  /** Takes the lines that cannot be read, as far as they were not taken before. */
  *takeLines(): Generator<LineLeftOut> {
    for (const line of this.#lines.splice(0)) yield { line, error: new TransferError(`${this.#shown}: a line of the listing cannot be read: ${JSON.stringify(line.slice(0, LONGEST_SHOWN))}`) };
    if (this.#moreLines > 0) yield { error: new TransferError(`${this.#shown}: ${this.#moreLines} more lines of the listing cannot be read`) };
    this.#moreLines = 0;
  }

  /** For Listings: it is listed, perhaps once more, in another way. */
  begin(entered: boolean): void {
    this.#outline = new Outline();
    this.#entered = entered;
    this.isOfFile = false;
    this.#completed = false;
    this.#readable = true;
    this.#lines = [];
    this.#moreLines = 0;
  }

  /** For Listings: a line cannot be read. */
  leaveOut(line: string): void {
    this.#readable = false;
    if (this.#lines.length < MOST_LINES) this.#lines.push(line);
    else this.#moreLines += 1;
  }

  /** For Listings: the final reply has come. */
  end(reply: Reply): void {
    this.#completed = reply.kind === 'completion';
  }

  /** For Listings: the server calls it complete, and has said, or shown, that it may not be. */
  doubt(): void {
    this.#completed = false;
  }

  get #shown(): string {
    return this.path === '' ? 'the working folder' : this.path;
  }
}

/**
 * Whether a name is in the listing of the folder that it is in, where the server does not say whether it exists.
 *
 * @param exists for that folder, where it is not listed
 * @param refusal why it is not known; thrown where the listing does not show it either
 */
export async function isListed(remote: Remote, path: string, signal: AbortSignal, { exists, refusal }: { exists(path: string): Promise<boolean>; readonly refusal: Error | undefined }): Promise<boolean> {
  const folder = folderOf(path);
  const name = lastName(path);
  if (['', '.', '..'].includes(name) || name.includes('/')) throw refusal ?? new PermanentError(`the server does not say whether ${path} exists`);
  const listings = new Listings(remote, signal);
  const listing = listings.sureFolder(folder);
  /** Nothing is in a file. */
  const isFile = async (file: string): Promise<boolean> => (await find(listings.sureFolder(folderOf(file)), lastName(file)))?.type === 'file';
  try {
    const entry = await find(listing, name);
    if (entry) return entry.type !== 'file' || name !== lastName(folder) || !(await isFile(folder)); // a file is its own listing
  } catch (error) {
    if (!mayMeanMissing(error)) throw error;
    if (folder === '' || folder === '/' || ((await exists(folder)) && !(await isFile(folder)))) throw refusal ?? error;
    return false;
  }
  if (listing.whole && (listings.showsHidden || !name.startsWith('.'))) return false;
  throw refusal ?? new TransferError(`${path}: the listing of its folder does not show whether it exists`);
}

async function find(listing: FolderListing, name: string): Promise<Entry | undefined> {
  for await (const entry of listing) if (entry.name === name) return entry;
  return undefined;
}

/**
 * Whether a refusal may mean that a folder is missing. Some servers say so with 450 or 451, by which others mean that it can be had later; ProFTPD 1.3.8
 * says 450 to LIST after its 150.
 */
export function mayMeanMissing(error: unknown): boolean {
  if (error instanceof TemporaryError) return (error.phase === 'command' || (error.phase === 'completion' && error.bytesTransferred === 0)) && [450, 451].includes(error.reply?.code ?? 0);
  return error instanceof PermanentError;
}

/** Whether an error is about one path only, so that the next path may succeed. */
export function isAboutPath(error: unknown): boolean {
  if (!(error instanceof FTPError) || error.phase === 'login' || error.reply?.code === 421) return false;
  return error instanceof ReplyError || error instanceof TransferError || error instanceof LimitError;
}
