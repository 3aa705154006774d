import { ChangedError, MismatchError, PermanentError } from '../errors';
import type { Backoff } from '../healing/backoff';
import { digestCommands } from '../healing/digest-command';
import type { GetOptions, GetResult } from './get';
import { fetchRange, fetchSegments } from './get-range';
import { GetTarget } from './get-target';
import type { Passage } from './passage';
import { persist } from './persist';
import { RangeReader } from './range-reader';
import { factsOf, type RemoteFacts } from './remote-facts';
import type { Remote } from './remote';
import { holdsSameBytes } from './same-bytes';
import { assertSameHash, assertSameHashIfAny } from './same-hash';
import type { Verify } from '../healing/verify';

/** The options after checks, with defaults. */
export interface GetSetup {
  readonly retry: NonNullable<GetOptions['retry']>;
  readonly resume: boolean;
  readonly segments: number;
  readonly preserveTimes: boolean;
  readonly verify: Verify | undefined;
  readonly signal: AbortSignal | undefined;
  readonly backoff: () => Backoff;
  readonly passage: (total: number | undefined) => Passage;
  /** Whether the size has to be known beforehand. */
  readonly sized: boolean;
}

/** What became of it. */
type Whole = Pick<GetResult, 'local' | 'bytes' | 'resumedFrom'>;

/** Bytes of a file taken for a beginning that are compared: those that an editor or another file would change first, and those that what comes is joined to. */
const HEAD = 4 * 1024;
const BEFORE_SEAM = 64 * 1024;

const UNKNOWN: RemoteFacts = { size: undefined, modified: undefined };

/** One download into a local file. */
export class GetJob {
  #facts: RemoteFacts = UNKNOWN;
  #retries = 0;

  constructor(
    private readonly remote: Remote,
    private readonly path: string,
    private readonly local: string,
    private readonly setup: GetSetup,
  ) {}

  async run(): Promise<GetResult> {
    const begun = performance.now();
    const { resume, segments, preserveTimes, sized } = this.setup;
    if (resume || segments > 1 || preserveTimes || sized) this.#facts = await this.#ask(() => factsOf(this.remote, this.path));
    const passage = this.setup.passage(this.#facts.size);
    try {
      const done = await this.#download(passage);
      passage.finish();
      return { path: this.path, ...done, retries: this.#retries, ms: performance.now() - begun };
    } finally {
      passage.stop();
    }
  }

  async #download(passage: Passage): Promise<Whole> {
    const { size, modified } = this.#facts;
    if (!this.setup.resume || size === undefined) return this.#into(await GetTarget.create(this.local), passage);
    const target = await GetTarget.continue(this.local, size, modified);
    try {
      return await this.#into(target, passage);
    } catch (error) {
      // What was there was not the beginning of this file, or the server does not go on from there.
      const useless = error instanceof MismatchError || error instanceof PermanentError;
      if (!useless || target.bytes === 0) throw error;
      return this.#into(await GetTarget.afresh(this.local, size, modified), passage);
    }
  }

  async #into(target: GetTarget, passage: Passage): Promise<Whole> {
    try {
      const bytes = await this.#fetch(target, passage);
      await target.publish(this.setup.preserveTimes ? this.#facts.modified : undefined);
      return { local: target.path, bytes, resumedFrom: target.bytes };
    } catch (error) {
      const useless = error instanceof MismatchError || error instanceof ChangedError || error instanceof PermanentError;
      await (this.setup.resume && !useless ? target.keep() : target.discard());
      throw error;
    }
  }

  /** Fetches what is missing; resolves with the bytes of the whole file. */
  async #fetch(target: GetTarget, passage: Passage): Promise<number> {
    const { remote, path } = this;
    const { retry, signal, verify } = this.setup;
    const segments = Math.min(this.setup.segments, remote.maxConnections ?? 1);
    const { size } = this.#facts;
    const setup = { remote, path, file: target.file, retry, passage, signal, onRetry: () => void (this.#retries += 1) };
    passage.begin(target.bytes);
    if (target.adopted && !(await this.#hashTells())) await this.#assertBeginning(target);
    if (target.bytes === 0 && (segments === 1 || size === undefined)) return fetchRange(setup, { start: 0, verify });
    if (segments > 1) await fetchSegments(setup, size as number, segments);
    else if (target.bytes < (size as number)) await fetchRange(setup, { start: target.bytes });
    await this.#assertWhole(target);
    return size as number;
  }

  /** Whether all of it will be compared by a hash in the end. */
  async #hashTells(): Promise<boolean> {
    return this.setup.verify !== 'size' && digestCommands(await this.#ask(() => this.remote.feat())).length > 0;
  }

  /** A file of the caller's is taken for the beginning of the remote one, and may be another: its head and its end are compared. */
  async #assertBeginning({ file, bytes }: GetTarget): Promise<void> {
    const { remote, path } = this;
    const ours = async (start: number, end: number): Promise<Buffer> => {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(end - start), 0, end - start, start);
      return buffer.subarray(0, bytesRead);
    };
    for (const [start, end] of [[Math.max(0, bytes - BEFORE_SEAM), bytes], [0, Math.min(HEAD, bytes - BEFORE_SEAM)]] as const) {
      if (end <= start) continue;
      const same = await this.#ask(() => holdsSameBytes(remote, { path, start, end, ours, signal: this.setup.signal }));
      if (same === false) throw new MismatchError(`${this.local} is no beginning of ${path}: bytes ${start} to ${end - 1} differ`);
    }
  }

  /** For what did not come in one stream, which would know. */
  async #assertWhole({ file, bytes: before }: GetTarget): Promise<void> {
    const { size, modified } = this.#facts;
    const now = await this.#ask(() => factsOf(this.remote, this.path));
    if (now.size !== size || now.modified?.getTime() !== modified?.getTime()) throw new ChangedError(`${this.path} has changed while it was downloaded`);
    const { size: bytes } = await file.stat();
    if (bytes !== size) throw new MismatchError(`${this.path}: ${bytes} bytes came in place of ${size}`);
    const { verify = before > 0 ? 'best' : 'size' } = this.setup;
    const ours = (): RangeReader[] => [new RangeReader(file, 0, bytes)];
    if (verify === 'hash') await this.#ask(() => assertSameHash(this.remote, this.path, ours));
    else if (verify === 'best') await assertSameHashIfAny(this.remote, this.path, ours);
  }

  #ask<T>(question: () => Promise<T>): Promise<T> {
    const { backoff, signal } = this.setup;
    return persist(question, { backoff: backoff(), signal, onRetry: () => void (this.#retries += 1) });
  }
}
