import type { Entry } from '../listing/entry';

/** Most entries of one folder, and of all when another folder is begun: what is listed ahead are the many small ones. */
const MOST_OF_ONE = 5_000;
const MOST = 10_000;

/** How a folder is listed, and how it is told that a line could not be read. */
type List = (path: string, onUnparsed: () => void) => AsyncIterable<Entry>;

/** A folder that is listed before its turn. */
export class FolderAhead {
  /** What has come; nothing where it was given up. */
  entries: Entry[] = [];
  whole = true;
  over = false;
  /** Resolves at the end: false where the folder is to be listed in its turn, because it is too large, or its listing failed. */
  readonly done: Promise<boolean>;

  constructor(list: List, path: string) {
    this.done = this.#read(list(path, () => (this.whole = false)));
  }

  async #read(listing: AsyncIterable<Entry>): Promise<boolean> {
    try {
      for await (const entry of listing) {
        if (this.entries.push(entry) > MOST_OF_ONE) return this.#giveUp();
      }
      return true;
    } catch {
      return this.#giveUp();
    } finally {
      this.over = true;
    }
  }

  #giveUp(): false {
    this.entries = [];
    return false;
  }
}

/** The next folders of a walk are listed meanwhile, on each connection that there is: over a far link, each takes two or three round trips. */
export class FoldersAhead {
  readonly #list: List;
  readonly #most: number;
  readonly #upcoming: (count: number) => Iterable<string>;
  readonly #folders = new Map<string, FolderAhead>();
  #due: NodeJS.Immediate | undefined;

  /**
   * @param most at a time
   * @param upcoming the paths of the next folders, in the order of the walk, as far as they are known
   */
  constructor(list: List, most: number, upcoming: (count: number) => Iterable<string>) {
    this.#list = list;
    this.#most = most;
    this.#upcoming = upcoming;
  }

  /** The folder whose turn it is, if it was begun; more are begun behind what this turn of the event loop asks of the server. */
  take(path: string): FolderAhead | undefined {
    const folder = this.#folders.get(path);
    this.#folders.delete(path);
    this.#wake();
    return folder;
  }

  #wake(): void {
    this.#due ??= setImmediate(() => {
      this.#due = undefined;
      this.#fill();
    });
  }

  #fill(): void {
    for (const path of this.#upcoming(2 * this.#most)) {
      if (this.#isFull) return;
      if (!this.#folders.has(path)) this.#begin(path);
    }
  }

  get #isFull(): boolean {
    const folders = [...this.#folders.values()];
    const kept = folders.reduce((sum, { entries }) => sum + entries.length, 0);
    return kept >= MOST || folders.filter(({ over }) => !over).length >= this.#most;
  }

  #begin(path: string): void {
    const folder = new FolderAhead(this.#list, path);
    this.#folders.set(path, folder);
    void folder.done.then(() => this.#wake());
  }
}
