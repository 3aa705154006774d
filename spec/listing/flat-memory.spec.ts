import { Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { expect } from 'chai';
import type { Entry } from '../../lib/listing/entry';
import { ListDecoder, ListParser } from '../../lib/listing/list-parser';
import { Heap } from '../support/heap';
import { note } from '../support/summary';

const LINES = process.env['FTPLIB_LONG'] === '1' ? 1_000_000 : 250_000;
const LINES_A_CHUNK = 500;
const MEBIBYTE = 2 ** 20;

describe(`${LINES} lines through a ListParser`, () => {
  it('keep the memory flat and their order, however slow the reader is', async () => {
    const parser = Readable.from(chunks(), { objectMode: false }).pipe(new ListParser({ now: new Date('2020-06-15') }));
    const heap = new Heap();
    const started = performance.now();
    let count = 0;
    for await (const entry of parser) {
      if (entry.size !== count) expect.fail(`${entry.name} is out of order`);
      count++;
      if (count % 2000 === 0) await setImmediate(); // the writer runs ahead as far as the streams let it
      if (count % 100_000 === 0) heap.note();
    }
    const seconds = (performance.now() - started) / 1000;
    expect(count).to.equal(LINES);
    expect(heap.most).to.be.below(16);
    note('measured', `ListParser: heap grew by ${heap.most.toFixed(1)} MiB at most; ${Math.round(LINES / seconds)} entries a second`);
  });
});

describe('an entry that is kept of a large listing', () => {
  it('does not keep much of what was around it', () => {
    const decoder = new ListDecoder({ now: new Date('2020-06-15') });
    const heap = new Heap();
    const kept: Entry[] = [];
    for (const chunk of chunks()) kept.push(...decoder.decode(chunk).slice(0, 1));
    heap.note();
    expect(kept).to.have.length(LINES / LINES_A_CHUNK);
    expect((heap.most * MEBIBYTE) / kept.length).to.be.below(9000); // bytes, V8's own of the moment included, of chunks of some 27,000
  });
});

function* chunks(): Generator<Buffer> {
  for (let line = 0; line < LINES; line += LINES_A_CHUNK) {
    let text = '';
    for (let i = line; i < line + LINES_A_CHUNK; i++) text += `-rw-r--r--   1 user  group  ${i} Nov 11  2019 file ${i}\r\n`;
    yield Buffer.from(text);
  }
}
