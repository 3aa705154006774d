import { expect } from 'chai';
import type { ReplyParserOptions } from '../../lib/control/reply-parser';
import { outcomeOf, type Outcome } from '../support/reply-outcome';
import { describeSeed, random, type Random } from '../support/seed';
import { describeSplit, everyByte, randomSplit } from '../support/splits';

const ROUNDS = 300;

describe('ReplyParser, with random bytes', () => {
  it('returns replies as they were made, whatever stands between their bytes', async () => {
    const dice = random(1);
    for (let round = 0; round < ROUNDS; round++) {
      const replies = Array.from({ length: 1 + dice.int(4) }, () => makeReply(dice));
      const bytes = Buffer.concat(replies.map((lines) => Buffer.concat(lines.map((line) => sendLine(line, dice)))));
      await expectEverywhere(bytes, { replies: replies.map((lines) => lines.join('\n')), error: undefined }, dice);
    }
  });

  it('reads what a parser by regular expressions reads', async () => {
    const dice = random(2);
    let replies = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const bytes = makeNoise(dice);
      const expected = readSlowly(bytes.toString('latin1'));
      replies += expected.replies.length;
      await expectEverywhere(bytes, expected, dice);
    }
    expect(replies, describeSeed(dice.seed)).to.be.above(ROUNDS / 3);
  });

  it('refuses the same bytes by the same cap, whichever way they are cut', async () => {
    const dice = random(3);
    for (let round = 0; round < ROUNDS; round++) {
      const options = { encoding: 'latin1', maxLineBytes: 1 + dice.int(30), maxReplyBytes: 1 + dice.int(90) } as const;
      const bytes = makeNoise(dice);
      await expectEverywhere(bytes, await outcomeOf([bytes], options), dice, options);
    }
  });
});

/** Pieces of which enough make replies. */
const PIECES = [
  ...'0123459 -\r\n\r\n\r\n\xe9\xffx',
  ...['220 ', '220-', '220', '\n220 ', '\n220-', '\r\n220 a\r\n', '\r\n220-', '\r\n', '\n', '\n', '226 b\n', '331-c\r\n331 d\n'],
  ...['\xff\xff', '\xff\xf1', '\xff\xfb\x01', '\xff\xfd\n', '\xff\xfa\x18\n\xff\xf0', '\xff\xfa\xff\xff\xff\xf0', '\xff\xf0', '\xff\xfa', '\xff'],
];

function makeNoise(dice: Random): Buffer {
  const pieces = Array.from({ length: dice.int(60) }, () => dice.pick(PIECES));
  return Buffer.from(dice.pick(['220-', '220 a\r\n220-b\n', '']) + pieces.join(''), 'latin1');
}

const TELNET = /\xff(?:(\xff)|[\xf0-\xf9]|[\xfb-\xfe](?:[^]|($))|\xfa(?:[^\xff]|\xff[^\xf0])*(?:\xff\xf0|(\xff?$))|($))/g;

/** The same grammar, written so that it is easily seen to be right; latin1, no caps. */
function readSlowly(received: string): Outcome {
  let unfinished = false;
  const text = received.replace(TELNET, (_, literal: string | undefined, ...ends: (string | undefined)[]) => {
    unfinished ||= ends.slice(0, 3).some((end) => end !== undefined);
    return literal ?? '';
  });
  const lines = text.split('\n');
  const rest = lines.pop();
  const replies: string[] = [];
  let reply: string[] = [];
  for (const line of lines.map((each) => each.replace(/\r+$/, ''))) {
    if (reply.length === 0 && !/^[1-5]\d\d(?:[ -]|$)/.test(line)) return { replies, error: 'a code' };
    reply.push(line);
    const [, code, separator] = /^(\d{3})([ -]?)/.exec(reply[0] as string) as unknown as [string, string, string];
    const ends = reply.length === 1 ? separator !== '-' : line === code || line.startsWith(`${code} `);
    if (!ends) continue;
    replies.push(reply.join('\n'));
    reply = [];
  }
  return { replies, error: unfinished || rest !== '' || reply.length > 0 ? 'ended' : undefined };
}

/** Lines of a valid reply. */
function makeReply(dice: Random): string[] {
  const code = `${1 + dice.int(5)}${dice.int(10)}${dice.int(10)}`;
  const last = dice.int(5) === 0 ? code : `${code} ${makeText(dice)}`;
  if (dice.int(2) === 0) return [last];
  const inner = Array.from({ length: dice.int(5) }, () => {
    const line = `${dice.pick(['', ' ', `${code}-`, ` ${code} `, `${code}0`, '999 ', '220-'])}${makeText(dice)}`;
    return line === code || line.startsWith(`${code} `) ? `-${line}` : line;
  });
  return [`${code}-${makeText(dice)}`, ...inner, last];
}

function makeText(dice: Random): string {
  return Array.from({ length: dice.int(8) }, () => dice.pick([...'ab 1-"\t\0\x80\xe9\xff', '\r.'])).join('');
}

/** The bytes of a line: ended in some way, with Telnet sequences in it, 0xFF doubled. */
function sendLine(line: string, dice: Random): Buffer {
  const chars = [...line, dice.pick(['\n', '\r\n', '\r\r\n'])].map((char) => char.replace('\xff', '\xff\xff'));
  const noisy = chars.flatMap((char) => (dice.int(12) === 0 ? [dice.pick(['\xff\xf1', '\xff\xfc\xff', '\xff\xfa\n\xff\xff\xff\xf0']), char] : [char]));
  return Buffer.from(noisy.join(''), 'latin1');
}

/** The same outcome whole, byte by byte, and cut at random. */
async function expectEverywhere(bytes: Buffer, expected: Outcome, dice: Random, options: ReplyParserOptions = { encoding: 'latin1' }): Promise<void> {
  for (const chunks of [[bytes], everyByte(bytes), randomSplit(bytes, dice), randomSplit(bytes, dice)]) {
    const { replies, error } = await outcomeOf(chunks, options);
    const message = `${JSON.stringify(bytes.toString('latin1'))} as ${describeSplit(chunks)} ${describeSeed(dice.seed)}`;
    expect(replies, message).to.deep.equal(expected.replies);
    if (expected.error === undefined) expect(error, message).to.equal(undefined);
    else expect(error, message).to.include(expected.error);
  }
}
