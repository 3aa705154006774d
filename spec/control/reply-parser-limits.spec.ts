import { expect } from 'chai';
import { setImmediate as turn } from 'node:timers/promises';
import type { Reply } from '../../lib/reply';
import { ReplyParser } from '../../lib/control/reply-parser';
import { ArgumentError } from '../../lib/errors';
import { ENDED, expectOutcome, LONG_LINE, LONG_REPLY, NO_CODE, outcomeOf } from '../support/reply-outcome';
import { describeSeed, random } from '../support/seed';
import { collectGarbage, Heap } from '../support/heap';

const MiB = 1024 * 1024;

describe('ReplyParser, its limits', () => {
  describe('caps lines at 12 and replies at 30 bytes', () => {
    const caps = { maxLineBytes: 12, maxReplyBytes: 30, encoding: 'latin1' } as const;
    const cases: readonly [bytes: string, error: RegExp | undefined, ...replies: string[]][] = [
      ['220 567890\r\n', undefined, '220 567890'],
      ['220 5678901\n', undefined, '220 5678901'],
      ['220 5678901\r\n', LONG_LINE],
      ['220 56789012', ENDED],
      ['220 567890123', LONG_LINE],
      ['220 567\r\r\r\r\n', undefined, '220 567'],
      ['220 567\r\r\r\r\r\n', LONG_LINE],
      ['220 a\n220 567890123', LONG_LINE, '220 a'],
      ['220-\n567890123456\n', LONG_LINE],
      ['220-\naaaa\nbbbb\ncccc\ndddd\n220 \n', undefined, '220-\naaaa\nbbbb\ncccc\ndddd\n220 '],
      ['220-\naaaa\nbbbb\ncccc\ndddd\n220 e\n', LONG_REPLY],
      ['220-\naaaa\nbbbb\ncccc\ndddd\neeee\n', ENDED],
      ['220-\naaaa\nbbbb\ncccc\ndddd\neeee\nf', LONG_REPLY],
      ['220-\naaaaaaaaaa\nbbbbbb\n220\n220-\naaaaaaaaaa\nbbbbbb\n220\n', undefined, '220-\naaaaaaaaaa\nbbbbbb\n220', '220-\naaaaaaaaaa\nbbbbbb\n220'],
      [`220-\n${'\n'.repeat(25)}`, ENDED],
      [`220-\n${'\n'.repeat(26)}`, LONG_REPLY],
      // Telnet's bytes count
      ['220 a\xff\xf1\xff\xf1\r\xff\xf1\n', LONG_LINE],
      ['220 \xff\xff\xff\xff\xff\xffa\n', undefined, '220 \xff\xff\xffa'],
      ['220 \xff\xff\xff\xff\xff\xff\xff\xff\n', LONG_LINE],
      ['\xff\xfa2345678901', ENDED],
      ['\xff\xfa2345678901\xff\xf0', LONG_LINE],
      ['\xff\xf1'.repeat(7), LONG_LINE],
      ['\xff\xfa\xff\xf0'.repeat(3), undefined],
      [`${'\xff\xfa\xff\xf0'.repeat(3)}2`, LONG_LINE],
    ];
    for (const [bytes, error, ...replies] of cases) {
      it(JSON.stringify(bytes), () => expectOutcome(Buffer.from(bytes, 'latin1'), { replies, error }, caps));
    }

    it('names the cap that is passed first', async () => {
      const bytes = Buffer.from(`220 ${'x'.repeat(40)}\r\n`);
      await expectOutcome(bytes, { replies: [], error: LONG_REPLY }, { maxLineBytes: 21, maxReplyBytes: 20 });
      await expectOutcome(bytes, { replies: [], error: LONG_LINE }, { maxLineBytes: 20, maxReplyBytes: 20 });
    });
  });

  it('has caps of 8 KiB for a line and 64 KiB for a reply', async () => {
    const line = (bytes: number): Buffer => Buffer.from(`220 ${'x'.repeat(bytes - 6)}\r\n`);
    expect(await outcomeOf([line(8192)])).to.have.property('error', undefined);
    expect((await outcomeOf([line(8193)])).error).to.match(LONG_LINE).and.include('8192');
    const reply = (bytes: number): Buffer => Buffer.from(`220-\n${`${'x'.repeat(999)}\n`.repeat(60)}${'y'.repeat(bytes - 60_011)}\n220 \n`);
    expect(reply(65_536)).to.have.length(65_536);
    expect(await outcomeOf([reply(65_536)])).to.have.property('error', undefined);
    expect((await outcomeOf([reply(65_537)])).error).to.match(LONG_REPLY).and.include('65536');
  });

  for (const name of ['maxLineBytes', 'maxReplyBytes']) {
    for (const value of [0, -1, 1.5, NaN, Infinity, 2 ** 53, '8192', null]) {
      it(`refuses ${name}: ${String(value)}`, () => {
        expect(() => new ReplyParser({ [name]: value })).to.throw(ArgumentError, name);
      });
    }
  }

  describe('with 1 MiB from a hostile server', () => {
    const noise = random(20);
    const kinds: readonly [kind: string, bytes: Buffer, error: RegExp, most: number][] = [
      ['without LF', Buffer.alloc(MiB, 'x'), LONG_LINE, 8193],
      ['one digit', Buffer.alloc(MiB, '2'), LONG_LINE, 8193],
      ['of LF', Buffer.alloc(MiB, '\n'), NO_CODE, 1],
      ['of CR', Buffer.alloc(MiB, '\r'), LONG_LINE, 8193],
      ['of 0xFF', Buffer.alloc(MiB, 0xff), LONG_LINE, 8193],
      ['of IAC NOP', Buffer.alloc(MiB, '\xff\xf1', 'latin1'), LONG_LINE, 8194],
      ['of IAC WILL', Buffer.alloc(MiB, '\xff\xfb', 'latin1'), LONG_LINE, 8194],
      ['of an endless subnegotiation', Buffer.from(`\xff\xfa${'\n'.repeat(MiB)}`, 'latin1'), LONG_LINE, 8193],
      ['of the beginning of a line', Buffer.from(`220 ${'\r'.repeat(MiB)}`), LONG_LINE, 8193],
      ['of lines without end', Buffer.from(`220-\n${'220-x\r\n'.repeat(MiB / 7)}`), LONG_REPLY, 65_537],
      ['of empty lines', Buffer.from(`220-\n${'\n'.repeat(MiB)}`), LONG_REPLY, 65_537],
      [`of random bytes ${describeSeed(noise.seed)}`, Buffer.concat([Buffer.from('220-\n'), noise.bytes(MiB)]), /./, 65_537],
    ];
    for (const [kind, bytes, error, most] of kinds) {
      it(`${kind}: refused as soon as a cap is passed`, async () => {
        const parser = new ReplyParser();
        let refused: Error | undefined;
        let consumed = 0;
        parser.on('data', (reply: Reply) => expect.fail(`a reply: ${reply}`));
        parser.on('error', (reason) => (refused = reason));
        for (; consumed < bytes.length && !refused; consumed += 512) {
          parser.write(bytes.subarray(consumed, consumed + 512));
          if (parser.errored) await turn();
        }
        expect(refused?.message).to.match(error);
        expect(consumed).to.be.at.most(Math.ceil(most / 512) * 512);
        expect(await outcomeOf([bytes])).to.deep.equal({ replies: [], error: refused?.message });
      });
    }
  });

  it('takes a line of 1 MiB byte by byte without doing anything twice', async () => {
    // Quadratic work, be it copying or looking for LF, would be 5·10¹¹ bytes: far beyond the time of a test.
    const parser = new ReplyParser({ maxLineBytes: 2 * MiB, maxReplyBytes: 2 * MiB });
    const texts: string[] = [];
    parser.on('data', (reply: Reply) => texts.push(reply.text));
    await turn();
    parser.write('220 ');
    const byte = Buffer.from('x');
    for (let n = 0; n < MiB; n++) parser.write(byte);
    parser.write('\r\n');
    expect(texts.map((text) => text.length)).to.deep.equal([MiB]);
  });

  it('lets go of each chunk at once, also when a line begins in it', async () => {
    const parser = new ReplyParser();
    const replies: Reply[] = [];
    parser.on('data', (reply: Reply) => replies.push(reply));
    await turn();
    const text = `220-${'x'.repeat(8000)}\n220 end\r\n220-abc\r\n220 d`;
    let chunk: Buffer | undefined = Buffer.alloc(text.length, text); // not of Node's pool, whose memory others keep
    const memory = new WeakRef(chunk.buffer);
    parser.write(chunk);
    chunk = undefined;
    await turn();
    collectGarbage();
    expect(memory.deref()).to.equal(undefined);
    parser.write('\r\n');
    expect(replies.map(({ lines }) => lines.at(-1))).to.deep.equal(['220 end', '220 d']);
  });

  it('keeps nothing of replies that were taken', async () => {
    const parser = new ReplyParser();
    let replies = 0;
    parser.on('data', () => (replies += 1));
    await turn();
    const chunk = Buffer.from(`220-${'x'.repeat(4000)}\r\n${'é'.repeat(2000)}\r\n220 ${'y'.repeat(90)}\n`.repeat(8));
    const heap = new Heap();
    for (let n = 0; n < 512; n++) {
      for (const half of [chunk.subarray(0, 10_000), chunk.subarray(10_000)]) parser.write(half);
    }
    expect(replies).to.equal(8 * 512);
    heap.note();
    expect(heap.most).to.be.below(4); // MiB
  });
});
