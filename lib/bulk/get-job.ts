import { ChangedError, MismatchError, PermanentError } from '../errors';
import type { Backoff } from '../healing/backoff';
import type { GetOptions, GetResult } from './get';
import { fetchRange, fetchSegments } from './get-range';
import { GetTarget } from './get-target';
import type { Passage } from './passage';
import { persist } from './persist';
import { RangeReader } from './range-reader';
import { factsOf, type RemoteFacts } from './remote-facts';
import type { Remote } from './remote';
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
    if (target.bytes === 0 && (segments === 1 || size === undefined)) return fetchRange(setup, { start: 0, verify });
    if (segments > 1) await fetchSegments(setup, size as number, segments);
    else if (target.bytes < (size as number)) await fetchRange(setup, { start: target.bytes });
    await this.#assertWhole(target);
    return size as number;
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
