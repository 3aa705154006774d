import { expect } from 'chai';
import { connect, type Socket } from 'node:net';
import { finished } from 'node:stream/promises';
import { FTPError, TimeoutError, TransferError, type ConnectionRequest, type FTP, type Phase, type RetrStream } from '../../lib/index';
import { gate, type Gate } from '../support/server/gate';
import type { Step } from '../support/server/script';
import { data, dataEnd, dataReset, openData, send, until } from '../support/server/steps';
import { received, replied, useBench } from '../support/transfers';

const SIZE = 1000;
const BYTES = Buffer.alloc(SIZE, 'x');

type Completion = 'before' | 'after' | 'never';
type Data = 'end' | 'reset' | 'never';
/** When the mark comes: before the data, or after their end, as two connections may have it. */
type Mark = 'first' | 'late';
type Reader = 'flowing' | 'paused' | 'destroyed';

/** How a download must end: whole, silently because its reader left, or with an error. */
interface Ending {
  readonly error?: typeof FTPError;
  readonly phase?: Phase;
  /** False where the server owes a reply that never comes. */
  readonly keepsSession: boolean;
}

const WHOLE: Ending = { keepsSession: true };
const BROKEN: Ending = { error: TransferError, phase: 'data', keepsSession: true };
const STALLED: Ending = { error: TimeoutError, phase: 'data', keepsSession: true };

/** What a reader sees who does not leave; he may pause for as long as he likes without a difference. */
const ENDINGS: Readonly<Record<Completion, Readonly<Record<Data, Ending>>>> = {
  before: { end: WHOLE, reset: BROKEN, never: STALLED },
  after: { end: WHOLE, reset: BROKEN, never: STALLED },
  never: {
    end: { error: TimeoutError, phase: 'completion', keepsSession: false },
    reset: { ...STALLED, keepsSession: false }, // it is the silence that is told: the server's word on the reset was waited for
    never: { ...STALLED, keepsSession: false },
  },
};

/** Of a reader who leaves before the end of the data: silence, and a session that goes on where all replies come. */
const LEFT: Readonly<Record<Completion, Ending>> = { before: WHOLE, after: WHOLE, never: { keepsSession: false } };

describe('a download whose 2yz and data race', () => {
  const bench = useBench();

  for (const completion of ['before', 'after', 'never'] as const) {
    for (const end of ['end', 'reset', 'never'] as const) {
      for (const reader of ['flowing', 'paused', 'destroyed'] as const) {
        const ending = reader === 'destroyed' ? LEFT[completion] : ENDINGS[completion][end];
        it(`2yz ${completion === 'never' ? 'never' : `${completion} the data's end`}, data ${end === 'never' ? 'without an end' : end}, reader ${reader}: ${tell(ending)}`, async () => {
          await race('first', completion, end, reader, ending);
        });
      }
    }
  }

  for (const completion of ['after', 'never'] as const) {
    for (const end of ['end', 'reset'] as const) {
      const ending = ENDINGS[completion][end];
      it(`data ${end} before the mark, 2yz ${completion === 'never' ? 'never' : 'after it'}: ${tell(ending)}`, async () => {
        await race('late', completion, end, 'flowing', ending);
      });
    }
  }

  async function race(mark: Mark, completion: Completion, end: Data, reader: Reader, ending: Ending): Promise<void> {
    await bench.serve();
    const closed = gate();
    const createConnection = ({ host, port, purpose }: ConnectionRequest): Socket => {
      const socket = connect({ host, port });
      return purpose === 'data' ? socket.once('close', closed.open) : socket;
    };
    const ftp = bench.client({ replyTimeout: 250, stallTimeout: 150, createConnection });
    const stream = ftp.retr('file', { highWaterMark: reader === 'paused' ? 1 : 65_536 });
    const scripted = gate();
    const readerDone = gate();
    bench.server.script = { RETR: [...steps(ftp, stream, mark === 'late' && closed, completion, end, readerDone), () => scripted.open()] };
    const error = await read(stream, reader, readerDone, scripted);
    scripted.open();
    if (ending.error) {
      expect(error).to.be.instanceOf(ending.error);
      expect(error).to.include({ phase: ending.phase, bytesTransferred: SIZE, expectedBytes: SIZE });
    } else expect(error).to.equal(undefined);
    expect(stream.bytesRead).to.equal(SIZE);
    expect(stream.readableEnded).to.equal(!ending.error && reader !== 'destroyed');
    expect(await ftp.pwd()).to.equal('/');
    expect(bench.logins).to.equal(ending.keepsSession ? 1 : 2);
  }
});

/** All bytes arrive in every case; what differs is what comes with them, and whether the mark comes first or when `closed` opens. */
function steps(ftp: FTP, stream: RetrStream, closed: Gate | false, completion: Completion, end: Data, readerDone: Gate): Step[] {
  const begun = [send(`150 Opening BINARY mode data connection for file (${SIZE} bytes).`)];
  const done = [send('226 Transfer complete.')];
  const last = end === 'end' ? [dataEnd()] : end === 'reset' ? [dataReset()] : [];
  return [
    openData(),
    ...(closed ? [] : begun),
    ...(completion === 'before' ? [...done, until(replied(ftp, 226))] : []),
    data(BYTES),
    until(received(stream, SIZE)),
    until(readerDone),
    ...last,
    ...(closed ? [until(closed), ...begun] : []),
    ...(completion === 'after' ? done : []),
  ];
}

/** Reads to the end, or in pauses that last until the script is done, or leaves as soon as the bytes are there. */
async function read(stream: RetrStream, reader: Reader, readerDone: Gate, scripted: Gate): Promise<FTPError | undefined> {
  const over = finished(stream).then(
    () => undefined,
    (error: unknown) => error,
  );
  await received(stream, SIZE).promise;
  if (reader === 'paused') stream.pause();
  if (reader === 'destroyed') stream.destroy();
  readerDone.open();
  if (reader === 'paused') {
    await scripted.promise;
    stream.resume();
  }
  const error = await over;
  if (reader === 'destroyed') {
    expect((error as Error).message).to.equal('Premature close');
    return undefined;
  }
  return error as FTPError | undefined;
}

function tell({ error, phase, keepsSession }: Ending): string {
  return `${error ? `${error.name} (${phase})` : 'no error'}, ${keepsSession ? 'same' : 'new'} session`;
}
