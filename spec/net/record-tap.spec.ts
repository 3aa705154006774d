import { expect } from 'chai';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { RecordTap } from '../../lib/net/tls';
import { assertNoLeaks, snapshot } from '../support/leaks';
import { Line } from '../support/line';

const APPLICATION_DATA = 23;
const ALERT = 21;

function record(type: number, length: number): Buffer {
  return Buffer.concat([Buffer.from([type, 3, 3, length >> 8, length & 255]), Buffer.alloc(length, 'x')]);
}

/** All that the tap lets through of what arrives in these pieces before the end. */
async function through(...pieces: Buffer[]): Promise<{ tap: RecordTap; bytes: Buffer }> {
  const line = new Line();
  const tap = new RecordTap(line);
  for (const piece of pieces) line.push(piece);
  line.push(null);
  const bytes = Buffer.concat(await tap.toArray() as Buffer[]);
  return { tap, bytes };
}

function splits(bytes: Buffer): Buffer[][] {
  const halves = Array.from({ length: bytes.length - 1 }, (_, at) => [bytes.subarray(0, at + 1), bytes.subarray(at + 1)]);
  return [[bytes], ...halves, Array.from(bytes, (byte) => Buffer.from([byte]))];
}

describe('RecordTap', () => {
  it('lets every byte through, whatever it takes it for', async () => {
    const bytes = Buffer.concat([record(22, 300), Buffer.from('no record at all, 226 Done.\r\n'), record(APPLICATION_DATA, 0), record(ALERT, 2)]);
    for (const pieces of splits(bytes)) expect((await through(...pieces)).bytes.equals(bytes)).to.equal(true);
  });

  for (const [what, last, proper] of [
    ['an alert', record(ALERT, 2), true],
    ['an alert in a record of TLS 1.2, which has a tag', record(ALERT, 26), true],
    ['an alert that TLS 1.3 hides', record(APPLICATION_DATA, 19), true],
    ['data', record(APPLICATION_DATA, 1000), false],
    ['half an alert', record(ALERT, 26).subarray(0, 20), false],
    ['half an alert\'s header', record(ALERT, 26).subarray(0, 3), false],
    ['nothing', Buffer.alloc(0), false],
  ] as const) {
    it(`calls the end ${proper ? 'proper' : 'none'} after ${what}`, async () => {
      const before = record(APPLICATION_DATA, 40);
      for (const pieces of splits(Buffer.concat([before, last]))) expect((await through(...pieces)).tap.closedProperly).to.equal(proper);
    });
  }

  it('begins the clear text at its first byte, wherever the network cuts', async () => {
    const records = Buffer.concat([record(APPLICATION_DATA, 30), record(ALERT, 19)]);
    const reply = '200 In the clear: \x17\x03\x03\r\n';
    for (const pieces of splits(Buffer.concat([records, Buffer.from(reply, 'latin1')]))) {
      const line = new Line();
      const tap = new RecordTap(line);
      const clear = tap.unwrap();
      const read = Promise.all([tap.toArray(), text(clear.setEncoding('latin1'))]);
      for (const piece of pieces) line.push(piece);
      line.push(null);
      const [inTls, inClear] = await read;
      expect(Buffer.concat(inTls as Buffer[]).equals(records)).to.equal(true);
      expect(inClear).to.equal(reply);
    }
  });

  it('begins it also where no goodbye comes', async () => {
    const line = new Line();
    const clear = new RecordTap(line).unwrap();
    line.push('200 Ok.\r\n');
    line.push(null);
    expect(await text(clear)).to.equal('200 Ok.\r\n');
  });

  it('ends TLS without ending the connection, once it is unwrapped', async () => {
    const line = new Line();
    const tap = new RecordTap(line);
    const clear = tap.unwrap();
    tap.end('goodbye ');
    await once(tap, 'finish');
    clear.write('in the clear');
    expect(line.writableEnded).to.equal(false);
    expect(Buffer.concat(line.written).toString()).to.equal('goodbye in the clear');
    tap.destroy();
    expect(line.destroyed).to.equal(false);
    clear.end();
    await once(line, 'finish');
  });

  it('holds the network back when nobody reads', async () => {
    const line = new Line();
    const tap = new RecordTap(line);
    for (let index = 0; index < 10; index++) line.push(record(APPLICATION_DATA, 16_000));
    await new Promise(setImmediate);
    expect(line.isPaused()).to.equal(true);
    expect(tap.readableLength).to.be.below(100_000);
    tap.resume();
    line.push(null);
    await once(tap, 'end');
  });

  it('passes on errors, and is gone with the connection', async () => {
    const before = await snapshot();
    const line = new Line();
    const tap = new RecordTap(line);
    const failed = once(tap, 'error');
    line.destroy(new Error('reset'));
    expect(((await failed) as [Error])[0].message).to.equal('reset');
    const other = new Line();
    new RecordTap(other).destroy();
    expect(other.destroyed).to.equal(true);
    await assertNoLeaks(before);
  });
});
