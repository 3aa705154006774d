import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { expect } from 'chai';
import { TemporaryError, TimeoutError, type FTP, type Reply } from '../../lib/index';
import { describeSeed, random, type Random } from '../support/seed';
import { pattern, type Scene } from './scene';

const KNOWN = { name: 'known', bytes: pattern(777) };
const SIZES = [9_000, 300_000, 1_500_000];
/** Plans beyond twice those that are needed: of a few, many may be complete too early. */
const SPARE = 40;
/** Commands and replies that a transfer has, at most: TYPE, EPSV, RETR, 150, 226. */
const STEPS = 8;
/** Milliseconds that a stream which is left may hold up what is behind it: GridFTP 13.24 is silent until we close, after ten seconds. */
const LONGEST = 30_000;

/** When a stream is left: before it is used, at the n-th line on the control connection, or at a byte. */
type Moment = { readonly at: 'once' } | { readonly at: 'line'; readonly line: number } | { readonly at: 'byte'; readonly byte: number };
type Way = 'destroy' | 'error' | 'signal' | 'pipeline' | 'break';
type Direction = 'down' | 'up';

interface Round {
  readonly direction: Direction;
  readonly bytes: number;
  readonly moment: Moment;
  readonly way: Way;
}

/** What became of many cancelled transfers. */
export interface Toll {
  cancelled: number;
  complete: number;
  /** How control connections were lost that had to be made anew: each with the round and its lines. */
  lost: string[];
  /** Rounds after which a server that `losesReplies` lost a data connection. */
  unanswered: number;
  /** Milliseconds from leaving a stream until the commands behind it were answered, at most. */
  slowest: number;
}

/** So many transfers left at random moments, each followed by commands that must get their own replies; with `lanes`, on as many further clients at once. */
export function describeCancelling(scene: Scene, rounds: number, lanes = 0, report?: (direction: Direction, toll: Toll) => void): void {
  const clients: FTP[] = [];
  before(async () => {
    for (const bytes of SIZES) await scene.put(`file-${bytes}`, pattern(bytes));
    await scene.put(KNOWN.name, KNOWN.bytes);
    for (let lane = 0; lane < lanes; lane++) {
      const ftp = scene.client();
      clients.push(ftp);
      await ftp.cwd(scene.path); // one after the other: Pure-FTPd 1.0.50 forgets some of thirty that connect at once
    }
  });
  after(() => clients.forEach((ftp) => ftp.close()));

  for (const direction of ['down', 'up'] as const) {
    it(`${rounds} ${direction === 'down' ? 'downloads' : 'uploads'} left at random moments cost nobody else a reply`, async () => {
      const dice = random(randomInt(1_000_000));
      // One in four is complete before its moment comes.
      const plans = Array.from({ length: 2 * rounds + SPARE }, () => plan(dice, direction));
      const toll: Toll = { cancelled: 0, complete: 0, lost: [], unanswered: 0, slowest: 0 };
      const runners = lanes > 0 ? clients : [scene.ftp];
      const own = (lane: number): Round[] => plans.filter((_, index) => index % runners.length === lane);
      await Promise.all(runners.map((ftp, lane) => runLane(ftp, scene, `lane-${lane}`, own(lane), toll, dice.seed, () => toll.cancelled >= rounds)));
      expect(toll.cancelled, `left ${describeSeed(dice.seed)}`).to.be.at.least(rounds);
      expect(toll.unanswered, `rounds without an answer ${describeSeed(dice.seed)}`).to.be.at.most(rounds / 50);
      expect(toll.slowest, `milliseconds to be in step again, or connected anew ${describeSeed(dice.seed)}`).to.be.at.most(LONGEST);
      if (scene.target.facts.outlivesCancel) expect(toll.lost.join('\n'), `connections lost ${describeSeed(dice.seed)}`).to.equal('');
      report?.(direction, toll);
    });
  }
}

function plan(dice: Random, direction: Direction): Round {
  const bytes = dice.pick(SIZES);
  const kind = dice.int(10);
  const byte = dice.int(bytes);
  const moment: Moment = kind === 0 ? { at: 'once' } : kind < 5 ? { at: 'line', line: 1 + dice.int(STEPS) } : { at: 'byte', byte };
  const ways: Way[] = direction === 'down' && moment.at === 'byte' ? ['destroy', 'error', 'signal', 'pipeline', 'break'] : ['destroy', 'error', 'signal', 'pipeline'];
  return { direction, bytes, moment, way: dice.pick(ways) };
}

async function runLane(ftp: FTP, scene: Scene, lane: string, rounds: readonly Round[], toll: Toll, seed: number, enough: () => boolean): Promise<void> {
  const lines: string[] = [];
  const onCommand = (line: string): void => void lines.push(`> ${line}`);
  const onReply = (reply: Reply): void => void lines.push(`< ${reply}`);
  const onClose = (error?: Error): void => void lines.push(`closed: ${error?.message ?? 'by us'}`);
  ftp.on('command', onCommand).on('reply', onReply).on('close', onClose);
  for (const round of rounds) {
    if (enough()) break;
    lines.length = 0;
    try {
      const whole = await (round.direction === 'down' ? down(ftp, round) : up(ftp, scene, lane, round));
      toll[whole ? 'complete' : 'cancelled'] += 1;
      const left = performance.now();
      await follow(ftp, scene);
      toll.slowest = Math.max(toll.slowest, Math.round(performance.now() - left));
    } catch (error) {
      if (scene.target.facts.losesReplies && isLost(error)) toll.unanswered += 1;
      else throw new Error(`${JSON.stringify(round)} ${describeSeed(seed)}: ${String(error)}\n${lines.join('\n')}`, { cause: error });
    }
    if (lines.some((line) => line.startsWith('closed'))) toll.lost.push(`${JSON.stringify(round)}\n${lines.join('\n')}`);
  }
  ftp.off('command', onCommand).off('reply', onReply).off('close', onClose);
}

/** A server that loses a data connection says nothing, or 426 after all bytes; one that loses the socket that it listens on refuses the connection. */
function isLost(error: unknown): boolean {
  return error instanceof TimeoutError || (error instanceof TemporaryError && error.reply?.code === 426) || isRefused(error);
}

function isRefused(error: unknown): boolean {
  return error instanceof Error && ((error as NodeJS.ErrnoException).code === 'ECONNREFUSED' || isRefused(error.cause));
}

/** Called while the transfer is still being given up: replies out of step would show here. */
async function follow(ftp: FTP, scene: Scene): Promise<void> {
  const sized = scene.target.facts.refuses.SIZE === undefined;
  const [path, size, bytes, again] = await Promise.all([ftp.pwd(), sized ? ftp.size(KNOWN.name) : KNOWN.bytes.length, scene.get(KNOWN.name, ftp), ftp.pwd()]);
  expect({ path, size, again }).to.deep.equal({ path: scene.path, size: KNOWN.bytes.length, again: scene.path });
  expect(bytes.toString('hex', 0, 40) + bytes.length, 'the next download').to.equal(KNOWN.bytes.toString('hex', 0, 40) + KNOWN.bytes.length);
}

/** True when the whole file came before the moment to leave. */
async function down(ftp: FTP, { bytes, moment, way }: Round): Promise<boolean> {
  const control = new AbortController();
  const stream = ftp.retr(`file-${bytes}`, { signal: control.signal });
  const closed = once(stream, 'close').catch(() => undefined);
  let ended = false;
  let left = false;
  stream.once('end', () => (ended = true));
  const sink = new Writable({ write: (_chunk, _encoding, callback) => callback() });
  const leave = (): void => {
    if (left) return;
    left = true;
    if (way === 'signal') control.abort();
    else if (way === 'pipeline') sink.destroy(new Error('the sink failed'));
    else stream.destroy(way === 'error' ? new Error('enough') : undefined);
  };
  stream.on('error', () => undefined);
  const off = onLine(ftp, moment, leave);
  if (way === 'break') await readUntil(stream, moment);
  else {
    if (way === 'pipeline') pipeline(stream, sink).catch(() => undefined);
    else if (moment.at !== 'once') stream.resume();
    if (moment.at === 'byte') stream.on('data', () => stream.bytesRead > moment.byte && leave());
    if (moment.at === 'once') leave();
  }
  await closed;
  off();
  if (ended) expect(stream.bytesRead, 'what a download that ended has read').to.equal(bytes);
  return ended;
}

async function readUntil(stream: AsyncIterable<Buffer>, moment: Moment): Promise<void> {
  let read = 0;
  for await (const chunk of stream) {
    read += chunk.length;
    if (moment.at === 'byte' && read > moment.byte) break;
  }
}

/** True when the upload finished before the moment to leave. */
async function up(ftp: FTP, scene: Scene, lane: string, { bytes, moment, way }: Round): Promise<boolean> {
  const name = `cut-${lane}`;
  const content = pattern(bytes);
  const control = new AbortController();
  const stream = ftp.stor(name, { signal: control.signal });
  const closed = once(stream, 'close').catch(() => undefined);
  let finished = false;
  let left = false;
  stream.once('finish', () => (finished = true));
  stream.on('error', () => undefined);
  const source = Readable.from(pieces(content, (sent) => moment.at === 'byte' && sent > moment.byte && leave()), { objectMode: false, highWaterMark: 1 });
  source.on('error', () => undefined);
  const leave = (): void => {
    if (left) return;
    left = true;
    if (way === 'signal') control.abort();
    else if (way === 'pipeline') source.destroy(new Error('the source failed'));
    else stream.destroy(way === 'error' ? new Error('enough') : undefined);
  };
  const off = onLine(ftp, moment, leave);
  if (moment.at === 'once') {
    if (way === 'pipeline') pipeline(source, stream).catch(() => undefined);
    leave();
  } else pipeline(source, stream).catch(() => undefined);
  await closed;
  off();
  source.destroy();
  if (finished) expect(scene.read(name).equals(content), 'an upload that finished is whole').to.equal(true);
  return finished;
}

function* pieces(content: Buffer, sent: (bytes: number) => unknown): Generator<Buffer> {
  for (let at = 0; at < content.length; at += 65_536) {
    const piece = content.subarray(at, at + 65_536);
    sent(at + piece.length);
    yield piece;
  }
}

/** Calls `leave` at the n-th command or reply from here on. */
function onLine(ftp: FTP, moment: Moment, leave: () => void): () => void {
  let line = 0;
  const count = (): void => {
    if (moment.at === 'line' && ++line === moment.line) leave();
  };
  ftp.on('command', count).on('reply', count);
  return () => void ftp.off('command', count).off('reply', count);
}
