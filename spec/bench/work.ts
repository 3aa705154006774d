/** Where a server is, and how to get in. */
export interface Place {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** A file in PEM with the authority to trust: explicit TLS on both connections; undefined: none. */
  readonly ca: string | undefined;
}

/** One thing to do, in a process of its own. Paths on the server are relative to the login folder. */
export type Work =
  /** Read each and throw the bytes away. */
  | { readonly kind: 'drain'; readonly names: readonly string[] }
  | { readonly kind: 'download'; readonly name: string; readonly file: string }
  | { readonly kind: 'upload'; readonly name: string; readonly file: string }
  /** The same from the path of the file. */
  | { readonly kind: 'put'; readonly name: string; readonly file: string }
  /** Write each from memory: `sizes[i]` bytes for `names[i]`; `folder` has the same files. */
  | { readonly kind: 'fill'; readonly names: readonly string[]; readonly sizes: readonly number[]; readonly folder: string }
  | { readonly kind: 'list'; readonly path: string }
  /** Ask for the size of each, all at once where the client can. */
  | { readonly kind: 'sizes'; readonly names: readonly string[] }
  | { readonly kind: 'tree'; readonly path: string; readonly folder: string }
  | { readonly kind: 'tree-up'; readonly folder: string; readonly path: string }
  /** Log in and copy a file to standard output. */
  | { readonly kind: 'print'; readonly name: string }
  | { readonly kind: 'replies'; readonly count: number }
  | { readonly kind: 'entries'; readonly text: string; readonly copies: number };

/** What a process that has done it tells, as JSON on descriptor 3. Programs that tell nothing are measured from outside. */
export interface Outcome {
  /** Wall time from after the login to the end of the work; of the whole process for other programs. */
  readonly seconds: number;
  /** Processor time, user and system, in the same span. */
  readonly cpu: number;
  /** Largest resident memory of the process, in bytes. */
  readonly peak: number;
  /** How much of that was added by the work, in bytes. */
  readonly growth?: number;
  /** Heap that was in use after the work and a collection, less that before: what a client keeps of a listing, in bytes. */
  readonly held?: number;
  /** Bytes, files or entries that were counted, where the client counts. */
  readonly counted?: number;
}

/** An outcome, and what the parent process saw. */
export interface Sample extends Outcome {
  /** Seconds from the start of the process to its first byte on standard output. */
  readonly firstByte: number | undefined;
}
