import { expect } from 'chai';
import type { Entry } from '../../lib/listing/entry';
import { ListDecoder } from '../../lib/listing/list-parser';
import { everyByte } from '../support/splits';
import { bytesOf, records, type ListingRecord } from './corpus';

/** Longer listings are cut near the ends of their lines, and at every so many bytes. */
const CUT_EVERYWHERE = 400;
const STEP = 61;

describe('a listing that arrives in pieces', () => {
  it('is the same for every cut in two', () => {
    for (const record of records) {
      const bytes = bytesOf(record);
      const whole = read(record, [bytes]);
      for (const at of cutsOf(bytes)) {
        const cut = read(record, [bytes.subarray(0, at), bytes.subarray(at)]);
        if (cut !== whole) expect(cut, `${record.id} cut at ${at}`).to.equal(whole);
      }
    }
  });

  it('is the same byte by byte', () => {
    for (const record of records) {
      const bytes = bytesOf(record);
      expect(read(record, everyByte(bytes)), record.id).to.equal(read(record, [bytes]));
    }
  });
});

function read({ now }: ListingRecord, chunks: readonly Buffer[]): string {
  const unparsed: string[] = [];
  const decoder = new ListDecoder({ now: new Date(now), onUnparsed: (line) => void unparsed.push(line) });
  const entries: Entry[] = chunks.flatMap((chunk) => decoder.decode(chunk));
  return JSON.stringify([...entries, ...decoder.end(), unparsed]);
}

function cutsOf(bytes: Buffer): number[] {
  const everywhere = Array.from({ length: Math.max(0, bytes.length - 1) }, (_, index) => index + 1);
  if (bytes.length <= CUT_EVERYWHERE) return everywhere;
  return everywhere.filter((at) => at % STEP === 0 || bytes.subarray(at - 1, at + 1).includes('\n'));
}
