import type { Command } from '../control/command';
import { ruleOf } from '../control/command-table';
import type { Queue } from '../control/queue';
import { emitToCaller, type Session } from '../control/session';
import { ArgumentError } from '../errors';
import type { Entry } from '../listing/entry';
import { checkNames, checkOffset, flag } from '../options';
import { UploadWithParents } from './folders';
import { type Decoder, LineDecoder } from './lines';
import { RETR_OPTIONS, type RetrOptions, RetrStream } from './retr-stream';
import { planDownload, type PlanOptions, planUpload } from './retry';
import { STOR_OPTIONS, type StorOptions, StorStream } from './stor-stream';
import { temporaryPath, TemporaryUpload } from './temporary-name';
import type { Plan } from './transfer';

/** The session and the queue that a stream belongs to. */
interface Owner {
  readonly session: Session;
  readonly queue: Queue;
}

/** A stream of the data of a command, without conversion. */
export function download({ session, queue }: Owner, command: Command, options: RetrOptions, type: 'I' | 'A' = 'I'): RetrStream {
  checkNames(options, RETR_OPTIONS);
  const { start = 0, end } = options;
  if (start !== 0) checkOffset('start', start);
  if (end !== undefined && checkOffset('end', end) < start) throw new ArgumentError(`end (${end}) must not be before start (${start})`);
  if (type === 'A') refuseForText(options);
  const { retry, verify, segments, segmentBuffer } = options;
  if (segmentBuffer !== undefined) checkOffset('segmentBuffer', segmentBuffer);
  // A plain download needs nothing of what is about retries and proofs, and does not load it.
  const plain = retry === undefined && verify === undefined && segments === undefined;
  const plan = plain ? undefined : planDownload(command, options, (event) => emitToCaller(stream, 'retry', event));
  const stream = new RetrStream(session, queue, { request: { command, type, direction: 'down', start, plan }, options, kind: ruleOf(command.verb, true).lists ? 'listing' : 'file' });
  return stream;
}

/** A stream of the data of a command as lines. */
export function lines({ session, queue }: Owner, command: Command, options: RetrOptions): RetrStream<string> {
  checkNames(options, RETR_OPTIONS);
  refuseForText(options);
  const request = { command, type: 'A', direction: 'down', start: 0 } as const;
  const { codec, settings } = session;
  const kind = ruleOf(command.verb, true).lists ? 'listing' : 'file';
  const read = command.verb === 'NLST' ? (bytes: Buffer) => codec.readName(bytes) : (bytes: Buffer) => codec.decode(bytes);
  const decoder = new LineDecoder(kind === 'listing' ? (bytes) => read(withoutCR(bytes)) : read, settings.maxLineBytes);
  return new RetrStream<string>(session, queue, { request, options, decoder, kind });
}

/** A stream of the data of a listing as entries. */
export function entries({ session, queue }: Owner, command: Command, plan: Plan & Decoder<Entry>, { signal }: { signal?: AbortSignal }): RetrStream<Entry> {
  const request = { command, type: 'A', direction: 'down', start: 0, plan } as const;
  return new RetrStream<Entry>(session, queue, { request, options: signal === undefined ? {} : { signal }, decoder: plan, kind: 'listing' });
}

/** A stream for the data that a command takes; in TYPE A they are text. */
export function upload({ session, queue }: Owner, command: Command, options: StorOptions, type: 'I' | 'A' = 'I'): StorStream {
  checkNames(options, STOR_OPTIONS);
  const { start = 0 } = options;
  checkOffset('start', start);
  if (start > 0 && (command.verb === 'APPE' || command.verb === 'STOU')) throw new ArgumentError(`start is for STOR, not ${command.verb}`);
  if (type === 'A') refuseForText(options);
  const plan = uploadPlan(session, command, options, () => stream.destroyed);
  const request = { command, type, direction: 'up', start, plan, explainsRefusal: options.parents === undefined } as const;
  const stream = new StorStream(session, queue, { request, options, ...(type === 'A' ? { text: session.codec } : {}) });
  return stream;
}

function uploadPlan(session: Session, command: Command, options: StorOptions, isLeft: () => boolean): Plan | undefined {
  if (!flag('parents', options.parents, false)) return planOf(session, command, options, isLeft);
  if (command.verb !== 'STOR') throw new ArgumentError(`parents is for STOR, not ${command.verb}`);
  return new UploadWithParents(command, planOf(session, command, options, isLeft));
}

function planOf(session: Session, command: Command, options: StorOptions, isLeft: () => boolean): Plan | undefined {
  const { start = 0, temporaryName = false } = options;
  if (temporaryName === false) return options.verify === undefined ? undefined : planUpload(command, options);
  if (command.verb !== 'STOR') throw new ArgumentError(`temporaryName is for STOR, not ${command.verb}`);
  if (start > 0) throw new ArgumentError('temporaryName is for a whole file, not for a part of it');
  const path = command.argument;
  const temporary = session.command('STOR', temporaryPath(path, temporaryName));
  return new TemporaryUpload({ command: temporary, path, isOurs: temporaryName === true, verified: planUpload(temporary, options), isLeft });
}

/** Text is converted on its way, so no byte of it shows where to go on, or what to compare. @throws ArgumentError for options that are not for text */
function refuseForText(options: PlanOptions): void {
  for (const name of NOT_FOR_TEXT) {
    if (options[name] !== undefined && options[name] !== false) throw new ArgumentError(`${name} is for TYPE I, not for text`);
  }
}
const NOT_FOR_TEXT = ['start', 'end', 'retry', 'verify', 'segments', 'segmentBuffer'] as const;

/** The line without its CRs: GridFTP 13.24 ends the lines of its listings with CR CR LF. */
function withoutCR(line: Buffer): Buffer {
  let end = line.length;
  while (end > 0 && line[end - 1] === CR) end -= 1;
  return line.subarray(0, end);
}
const CR = 0x0d;
