import { type Duplex, Readable } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import { createDeflate, inflateSync } from 'node:zlib';
import { Refusal } from './refusal';
import type { Session } from './session';
import type { OpenUpload } from './upload';

/** Turns of the event loop between the end of the data and the completion, where it matters what comes before that. */
const LATE = 20;

/** What happens on the data connection between the mark and the completion. */
type Work = (socket: Duplex) => Promise<void>;

/** Replies `mark`, sends the chunks as fast as the client takes them, and replies `done`. */
export function download(session: Session, mark: string, chunks: Iterable<Uint8Array>, done = '226 Transfer complete.'): Promise<void> {
  return transfer(session, mark, done, '426 Failure writing network stream.', (socket) => (session.mode === 'Z' ? sendCompressed(socket, chunks) : sendChunks(socket, chunks)));
}

/** Replies `mark`, hands what the client sends to what `open` gives, and replies `done`. */
export async function upload(session: Session, mark: string, open: () => OpenUpload, done = '226 Transfer complete.'): Promise<void> {
  let opened: OpenUpload | undefined;
  await transfer(session, mark, done, '426 Failure reading network stream.', (socket) => {
    const { take } = (opened = open());
    const wasReset = (): boolean => session.data?.wasReset === true;
    return session.mode === 'Z' ? receiveCompressed(socket, take, wasReset) : receiveChunks(socket, take, wasReset);
  });
  if (!session.completed && session.server.deviations.brokenUpload === 'undone') opened?.undo();
}

/** Ends with FIN; resolves when everything has been given to the system. @throws Error when the connection breaks */
export async function sendChunks(socket: Duplex, chunks: Iterable<Uint8Array>): Promise<void> {
  socket.resume();
  for (const chunk of chunks) {
    if (socket.destroyed) break;
    if (!socket.write(chunk)) await drained(socket);
  }
  // `finished` would take it for sent once it is told to end.
  if (socket.destroyed) throw new Error('the data connection is gone');
  socket.end();
  await finished(socket, { readable: false });
}

/** The same in MODE Z. */
async function sendCompressed(socket: Duplex, chunks: Iterable<Uint8Array>): Promise<void> {
  socket.resume();
  await pipeline(Readable.from(chunks, { objectMode: false }), createDeflate(), async (compressed: AsyncIterable<Buffer>) => {
    for await (const chunk of compressed) {
      if (socket.destroyed) throw new Error('the data connection is gone');
      if (!socket.write(chunk)) await drained(socket);
    }
  });
  await sendChunks(socket, []);
}

function drained(socket: Duplex): Promise<void> {
  return new Promise((resolve) => {
    const go = (): void => {
      socket.off('drain', go).off('close', go);
      resolve();
    };
    socket.on('drain', go).on('close', go);
  });
}

/** Reads up to the client's FIN, and ends this side, too. @throws Error when the connection breaks, and where `wasReset` says so: after both FINs it could not tell */
export async function receiveChunks(socket: Duplex, take: (chunk: Uint8Array) => void, wasReset: () => boolean = () => false): Promise<void> {
  socket.on('data', take).resume();
  await finished(socket, { writable: false });
  socket.end(); // before it is asked: what TLS writes shows the reset, and FIN leaves a turn later
  if (wasReset()) throw new Error('reset');
}

/** The same in MODE Z. @throws Error where what came is no whole stream of zlib, or has more after it */
async function receiveCompressed(socket: Duplex, take: (chunk: Uint8Array) => void, wasReset: () => boolean): Promise<void> {
  const received: Uint8Array[] = [];
  await receiveChunks(socket, (chunk) => received.push(chunk), wasReset);
  take(inflateSync(Buffer.concat(received)));
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise(setImmediate);
}

async function transfer(session: Session, mark: string, done: string, broken: string, work: Work): Promise<void> {
  const { data } = session;
  if (!data) throw new Refusal('425 Use PORT or PASV first.');
  if (session.clearDataRefused) throw new Refusal('522 Data connections must be encrypted.');
  const running = new AbortController();
  const { signal } = running;
  signal.addEventListener('abort', () => data.destroy());
  session.begin(running);
  try {
    await session.dataConnection();
    session.reply(session.server.deviations.mark === '125' && session.verb !== 'STOU' ? '125 Data connection already open; Transfer starting.' : mark);
    await work(await session.protectedData());
    // What comes during a transfer can only come before the 226 where that takes a moment.
    if (session.server.deviations.duringTransfer) await turns(LATE);
    session.completed = true;
    session.reply(session.server.deviations.completion ?? done);
  } catch (error) {
    data.destroy();
    if (signal.aborted) session.reply('426 Transfer aborted.');
    else if (error instanceof Refusal) throw error;
    else {
      session.reply(broken);
      if (session.server.deviations.brokenTransfer) void turns(LATE).then(() => session.reply(done));
    }
  } finally {
    session.running = undefined;
  }
}
