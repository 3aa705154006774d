import { expect } from 'chai';
import { ReplyParser, type ReplyParserOptions } from '../../lib/control/reply-parser';
import type { Reply } from '../../lib/reply';
import { FTPError } from '../../lib/errors';
import { describeSplit, everySplit } from './splits';

export const NO_CODE = /^a reply must begin with a code from 100 to 599, not with "/;
export const ENDED = /ended inside a reply$/;
export const LONG_LINE = /^a line of a reply is longer than \d+ bytes \(maxLineBytes/;
export const LONG_REPLY = /^a reply is longer than \d+ bytes \(maxReplyBytes\)$/;

/** All that a ReplyParser makes of bytes. */
export interface Outcome {
  readonly replies: string[];
  readonly error: string | undefined;
}

/** Writes the chunks and ends; the replies come out through `data`. */
export function outcomeOf(chunks: readonly Buffer[], options?: ReplyParserOptions): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const parser = new ReplyParser(options);
    const replies: string[] = [];
    let error: string | undefined;
    parser.on('data', (reply: Reply) => {
      if (error !== undefined || reply.code !== Number(String(reply).slice(0, 3))) reject(new Error(`not to be delivered: ${reply}`));
      replies.push(String(reply));
    });
    parser.on('error', (reason) => {
      if (!(reason instanceof FTPError) || reason.code !== 'ERR_FTP_PROTOCOL') reject(reason);
      error = reason.message;
    });
    parser.on('close', () => resolve({ replies, error }));
    for (const chunk of chunks) parser.write(chunk);
    parser.end();
  });
}

/** Expects the same replies and the same error for every way of splitting. */
export async function expectOutcome(bytes: Buffer, { replies, error }: { replies: readonly string[]; error: RegExp | undefined }, options?: ReplyParserOptions): Promise<void> {
  for (const chunks of everySplit(bytes)) {
    const outcome = await outcomeOf(chunks, options);
    const message = `${JSON.stringify(bytes.toString('latin1'))} as ${describeSplit(chunks)}`;
    expect(outcome.replies, message).to.deep.equal(replies);
    if (error) expect(outcome.error, message).to.match(error);
    else expect(outcome.error, message).to.equal(undefined);
  }
}
