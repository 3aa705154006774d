import { expect } from 'chai';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Reply } from '../../lib/reply';
import { ReplyParser } from '../../lib/control/reply-parser';
import { ArgumentError, ProtocolError } from '../../lib/errors';
import { ENDED, expectOutcome, NO_CODE, outcomeOf } from '../support/reply-outcome';
import { everySplit } from '../support/splits';

describe('ReplyParser', () => {
  describe('takes what real servers send, whichever way it is cut', () => {
    for (const [server, replies] of repliesOfServers()) {
      it(`${server}: ${replies.length} replies`, async () => {
        for (const lines of replies) {
          await expectOutcome(Buffer.from(`${lines.join('\r\n')}\r\n`), { replies: [lines.join('\n')], error: undefined });
        }
      });
    }

    it('several replies in one', async () => {
      for (const [, replies] of repliesOfServers()) {
        const some = replies.filter((lines) => lines.length < 4).slice(0, 8);
        const bytes = Buffer.from(some.map((lines) => `${lines.join('\r\n')}\r\n`).join(''));
        await expectOutcome(bytes, { replies: some.map((lines) => lines.join('\n')), error: undefined });
      }
    });
  });

  describe('takes', () => {
    const cases: readonly [bytes: string, ...replies: string[]][] = [
      [''],
      ['200 NOOP ok.\r\n', '200 NOOP ok.'],
      ['200 NOOP ok.\n', '200 NOOP ok.'],
      ['200\r\n', '200'],
      ['200\n', '200'],
      ['257 \r\n', '257 '], // aioftp 0.21.4
      ['200  \n', '200  '],
      ['100 x\r\n', '100 x'],
      ['599 x\r\n', '599 x'],
      ['220 a\r\r\n', '220 a'], // GridFTP 13.24
      ['200\r\r\r\n', '200'],
      ['220 a\rb\r\n', '220 a\rb'],
      ['220 \ra\r\n', '220 \ra'],
      ['220 a\0b\r\n', '220 a\0b'],
      ['200 220-x\r\n', '200 220-x'],
      ['220-a\r\n220 b\r\n', '220-a\n220 b'],
      ['220-\n220\n', '220-\n220'],
      ['220-a\r\n220\r\n', '220-a\n220'],
      ['220-a\r\r\n b\r\r\n220 c\r\r\n', '220-a\n b\n220 c'],
      ['220-\r\n\r\n \r\n220 b\r\n', '220-\n\n \n220 b'],
      ['220-a\r\n221 b\r\n230-c\r\n230 d\r\n220 e\r\n', '220-a\n221 b\n230-c\n230 d\n220 e'],
      ['220-a\r\n220-b\r\n220--\r\n220 c\r\n', '220-a\n220-b\n220--\n220 c'],
      ['220-a\r\n 220 b\r\n2200\r\n220x\r\n220\tx\r\n22\r\n220 c\r\n', '220-a\n 220 b\n2200\n220x\n220\tx\n22\n220 c'],
      ['211- Status\r\n     Connected\r\n230- \r\n211 End\r\n', '211- Status\n     Connected\n230- \n211 End'], // GNU inetutils 2.4
      ['227-listen socket created\r\n227 (127,0,0,1,117,148)\r\n', '227-listen socket created\n227 (127,0,0,1,117,148)'],
      ['213 1000000\r\n', '213 1000000'],
      ['120 a\r\n220 b\r\n', '120 a', '220 b'],
      ['331\n230-a\nb\n230 c\n215 d\n', '331', '230-a\nb\n230 c', '215 d'],
      ['257 "/žluťoučký kůň/日本語/😀/\ufeff\u2028\x85" created\r\n', '257 "/žluťoučký kůň/日本語/😀/\ufeff\u2028\x85" created'],
      ['250-ž\r\n ř=😀; ů\r\n250 ž\r\n', '250-ž\n ř=😀; ů\n250 ž'],
    ];
    for (const [bytes, ...replies] of cases) {
      it(JSON.stringify(bytes), () => expectOutcome(Buffer.from(bytes), { replies, error: undefined }));
    }
  });

  describe('refuses', () => {
    const cases: readonly [bytes: string, error: RegExp, ...replies: string[]][] = [
      ['\r\n', NO_CODE],
      ['\n', NO_CODE],
      ['abc\r\n', NO_CODE],
      ['20\r\n', NO_CODE],
      ['2 0 x\r\n', NO_CODE],
      ['200abc\r\n', NO_CODE],
      ['2000 x\r\n', NO_CODE],
      ['200\tx\r\n', NO_CODE],
      ['200\rx\r\n', NO_CODE],
      [' 200 x\r\n', NO_CODE],
      ['-200 x\r\n', NO_CODE],
      ['+20 x\r\n', NO_CODE],
      ['2e1 x\r\n', NO_CODE],
      ['000 x\r\n', NO_CODE],
      ['099 x\r\n', NO_CODE],
      ['600 x\r\n', NO_CODE],
      ['999-x\r\n', NO_CODE],
      ['２００ x\r\n', NO_CODE],
      ['\ufeff220 x\r\n', NO_CODE],
      ['HTTP/1.1 400 Bad Request\r\n', NO_CODE],
      ['SSH-2.0-OpenSSH_9.2\r\n', NO_CODE],
      ['\x15\x03\x01\x00\x02\x02\x46\n', NO_CODE],
      ["501 'LANG en\r\n' unrecognized language.\r\n200 x\r\n", NO_CODE, "501 'LANG en"], // GridFTP 13.24
      ['220 a\r\n\r\n', NO_CODE, '220 a'],
      ['220-a\nb\n220 c\n221\nd\n222\n', NO_CODE, '220-a\nb\n220 c', '221'],
      ['2', ENDED],
      ['200', ENDED],
      ['200 x\r', ENDED],
      ['abc', ENDED],
      ['220-a\r\n', ENDED],
      ['220-a\r\n220 b', ENDED],
      ['220-a\r\n221 b\r\n', ENDED],
      ['220 a\r\n220', ENDED, '220 a'],
    ];
    for (const [bytes, error, ...replies] of cases) {
      it(JSON.stringify(bytes), () => expectOutcome(Buffer.from(bytes), { replies, error }));
    }
  });

  describe('removes Telnet sequences', () => {
    const cases: readonly [bytes: string, error: RegExp | undefined, ...replies: string[]][] = [
      ['\xff\xf1220 a\r\n', undefined, '220 a'],
      ['2\xff\xf12\xff\xf20 a\r\n', undefined, '220 a'],
      ['220\xff\xf9\r\n', undefined, '220'],
      ['220 a\r\xff\xf1\n', undefined, '220 a'],
      ['220-a\n22\xff\xf10 b\n', undefined, '220-a\n220 b'],
      ['220 a\xff\xfb\x01b\xff\xfc\x03c\xff\xfd\x06d\xff\xfe\x22e\r\n', undefined, '220 abcde'],
      ['220 a\xff\xfd\nb\xff\xfe\xffc\r\n', undefined, '220 abc'], // options 10 and 255
      ['220 a\xff\xfa\x18\x00vt\n100\xff\xff\xff\xf0b\r\n', undefined, '220 ab'],
      ['\xff\xfa\xff\xfa\xff\xfb\xff\xf0220 a\r\n', undefined, '220 a'],
      ['220 \xff\xf0a\r\n', undefined, '220 a'],
      ['220 a\r\n\xff\xf1\xff\xfb\x01', undefined, '220 a'],
      ['257 "/a\xff\xffb"\r\n', undefined, '257 "/a\xffb"'],
      ['257 "/i\xff\xff\xff\xffx" created\r\n', undefined, '257 "/i\xff\xffx" created'], // vsftpd 3.0.3
      ['220 \xff\xff\xf1\r\n', undefined, '220 \xff\xf1'],
      ['\xff\xff220 a\r\n', NO_CODE],
      // no sequences
      ['257 "/lat\xe4" created\r\n', undefined, '257 "/lat\xe4" created'],
      ['257 "i\xffx" created\r\n', undefined, '257 "i\xffx" created'],
      ['257 \xff\r\n', undefined, '257 \xff'],
      ['257 \xff\n257 \xff\xef\n', undefined, '257 \xff', '257 \xff\xef'],
      // unfinished
      ['\xff', ENDED],
      ['220 a\r\n\xff', ENDED, '220 a'],
      ['220 a\r\n\xff\xfb', ENDED, '220 a'],
      ['220 a\r\n\xff\xfa\x18220 b\r\n', ENDED, '220 a'],
      ['220 a\r\n\xff\xfa\x18\xff', ENDED, '220 a'],
    ];
    for (const [bytes, error, ...replies] of cases) {
      it(JSON.stringify(bytes), () => expectOutcome(Buffer.from(bytes, 'latin1'), { replies, error }, { encoding: 'latin1' }));
    }
  });

  describe('with an encoding', () => {
    it('decodes each line once and whole', async () => {
      const seen: string[] = [];
      const decode = (bytes: Uint8Array): string => (seen.push(Buffer.from(bytes).toString('latin1')), '220 decoded');
      for (const chunks of everySplit(Buffer.from('220-\xe4\r\n\xe5\n220 \xe6\r\r\n', 'latin1'))) {
        seen.length = 0;
        expect(await outcomeOf(chunks, { encoding: { encode: refuse, decode } })).to.deep.include({ replies: ['220 decoded\n220 decoded\n220 decoded'] });
        expect(seen).to.deep.equal(['220-\xe4', '\xe5', '220 \xe6']);
      }
    });

    it('shows bytes that are no UTF-8 as U+FFFD', () => expectOutcome(Buffer.from('257 "/lat\xe4"\r\n', 'latin1'), { replies: ['257 "/lat\ufffd"'], error: undefined }));

    it('fails when the codec does', async () => {
      const cause = new TypeError('no such character');
      const decode = (): never => {
        throw cause;
      };
      const parser = new ReplyParser({ encoding: { encode: refuse, decode } });
      parser.end('220 a\r\n');
      const [error] = await once(parser.resume(), 'error').catch((reason: unknown) => [reason]);
      expect(error).to.be.instanceOf(ProtocolError).and.have.property('cause', cause);
    });

    it('refuses one that cannot carry lines', () => {
      expect(() => new ReplyParser({ encoding: 'utf16le' })).to.throw(ArgumentError, 'utf16le');
    });
  });

  it('shows little of foreign bytes, and nothing that a terminal would act on', async () => {
    const { error } = await outcomeOf([Buffer.from(`\x1b[2J\x9b2J\x7f\u202e${'x'.repeat(5000)}\r\n`)]);
    expect(error).to.match(NO_CODE).and.match(/^[\x20-\x7e\xa0-\xff]+…$/).and.have.length.below(200);
    expect(error).to.include('\\u001b[2J').and.include('\\u009b2J\\u007f');
  });

  it('is pending while a line, a reply or a Telnet sequence is not complete', () => {
    const parser = new ReplyParser();
    const steps: readonly [bytes: string, pending: boolean][] = [
      ['', false], ['2', true], ['20 a\r', true], ['\n', false], ['221-a\n', true], ['221', true], ['\n', false],
      ['\xff', true], ['\xf1', false], ['\xff\xfb', true], ['\x01', false], ['\xff\xfa\n', true], ['\xff', true], ['\xf0', false], ['222 \n2', true], ['22\n', false],
    ];
    for (const [bytes, pending] of steps) {
      parser.write(Buffer.from(bytes, 'latin1'));
      expect(parser.pending, JSON.stringify(bytes)).to.equal(pending);
    }
  });

  it('delivers a reply in the turn in which its last byte comes, and not before', async () => {
    const parser = new ReplyParser();
    const replies: string[] = [];
    parser.on('data', (reply: Reply) => replies.push(String(reply)));
    await once(parser, 'resume');
    for (const byte of '213-a\r\n213 b\r') parser.write(byte);
    expect(replies).to.deep.equal([]);
    parser.write('\n');
    expect(replies).to.deep.equal(['213-a\n213 b']);
  });

  it('works in a pipeline, and holds back when the reader does', async () => {
    const bytes = Buffer.from(Array.from({ length: 500 }, (_, n) => `200 ${n}\r\n`).join(''));
    const texts: string[] = [];
    const slow = new Writable({ objectMode: true, highWaterMark: 1, write: (reply: Reply, _, done) => (texts.push(reply.text), setImmediate(done)) });
    await pipeline(Readable.from([bytes]), new ReplyParser(), slow);
    expect(texts).to.deep.equal(Array.from({ length: 500 }, (_, n) => String(n)));
  });

  it('is an async iterable that fails after the replies before the error', async () => {
    const texts: string[] = [];
    const parser = new ReplyParser();
    parser.end('220 a\r\n221-b\r\n221 c\r\nabc\r\n222 d\r\n');
    const reading = (async () => {
      for await (const reply of parser) texts.push((reply as Reply).text);
    })();
    expect(await reading.catch((error: unknown) => error)).to.be.instanceOf(ProtocolError);
    expect(texts).to.deep.equal(['a', 'b\nc']);
  });

  it('delivers nothing more once it is destroyed', async () => {
    const parser = new ReplyParser();
    const texts: string[] = [];
    parser.on('data', (reply: Reply) => {
      texts.push(reply.text);
      parser.destroy();
    });
    await once(parser, 'resume');
    parser.write('220 a\r\n220 b\r\nabc\r\n');
    await once(parser, 'close');
    expect(texts).to.deep.equal(['a']);
  });

  it('leaves an exception of a listener alone', async () => {
    const parser = new ReplyParser();
    const thrown = new Error('in the listener');
    parser.on('data', () => {
      throw thrown;
    });
    await once(parser, 'resume');
    expect(() => parser.write('220 a\r\n')).to.throw(thrown);
    expect(parser.destroyed).to.equal(false);
  });
});

function refuse(): never {
  throw new Error('a parser has nothing to encode');
}

/** Replies that were recorded from each server, a blank line between servers, ` ⏎ ` between the lines of a reply. */
function repliesOfServers(): [server: string, replies: string[][]][] {
  const text = readFileSync(join(__dirname, '../fixtures/replies.txt'), 'utf8');
  return text.trim().split('\n\n').map((section) => {
    const [server = '', ...replies] = section.split('\n');
    return [server.replace('# ', ''), replies.map((reply) => reply.split(' ⏎ '))];
  });
}
