/** Thrown by a verb to answer with `reply` and do nothing else. */
export class Refusal extends Error {
  override readonly name = 'Refusal';

  /** @param reply the whole reply line, without CRLF */
  constructor(readonly reply: string) {
    super(reply);
  }
}
