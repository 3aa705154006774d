import { expect } from 'chai';
import { Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Entry } from '../../lib/listing/entry';
import { ListDecoder } from '../../lib/listing/list-decoder';
import { ListParser } from '../../lib/listing/list-parser';
import { note } from '../support/summary';

const LINES = 1_000_000;
const LINES_A_CHUNK = 500;
const MEBIBYTE = 2 ** 20;

describe('a million lines through a ListParser', () => {
  it('keep the memory flat and their order, however slow the reader is', async function () {
    this.timeout(60_000);
    const parser = Readable.from(chunks(), { objectMode: false }).pipe(new ListParser({ now: new Date('2020-06-15') }));
    const collect = garbageCollector();
    collect();
    const before = process.memoryUsage().heapUsed;
    const started = performance.now();
    let [count, most] = [0, 0];
    for await (const entry of parser as AsyncIterable<Entry>) {
      if (entry.size !== count) expect.fail(`${entry.name} is out of order`);
      count++;
      if (count % 2000 === 0) await setImmediate(); // the writer runs ahead as far as the streams let it
      if (count % 100_000 > 0) continue;
      collect();
      most = Math.max(most, process.memoryUsage().heapUsed - before);
    }
    const seconds = (performance.now() - started) / 1000;
    expect(count).to.equal(LINES);
    expect(most).to.be.below(16 * MEBIBYTE);
    note('measured', `ListParser: heap grew by ${(most / MEBIBYTE).toFixed(1)} MiB at most; ${Math.round(LINES / seconds)} entries a second`);
  });
});

describe('an entry that is kept of a large listing', () => {
  it('does not keep much of what was around it', () => {
    const decoder = new ListDecoder({ now: new Date('2020-06-15') });
    const collect = garbageCollector();
    const kept: Entry[] = [];
    collect();
    const before = heldMemory();
    for (const chunk of chunks()) kept.push(...decoder.decode(chunk).slice(0, 1));
    collect();
    expect(kept).to.have.length(LINES / LINES_A_CHUNK);
    expect((heldMemory() - before) / kept.length).to.be.below(6000); // bytes, of chunks of some 27,000
  });
});

function heldMemory(): number {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

function* chunks(): Generator<Buffer> {
  for (let line = 0; line < LINES; line += LINES_A_CHUNK) {
    let text = '';
    for (let i = line; i < line + LINES_A_CHUNK; i++) text += `-rw-r--r--   1 user  group  ${i} Nov 11  2019 file ${i}\r\n`;
    yield Buffer.from(text);
  }
}

/** Without it the heap's size says when garbage was last collected, and not what is held. */
function garbageCollector(): () => void {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  setFlagsFromString('--no-expose-gc');
  return collect;
}
