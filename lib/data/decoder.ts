/** Turns the bytes of a download into items: lines, entries. */
export interface Decoder<T> {
  /** The items that are complete with these bytes. */
  decode(chunk: Buffer): T[];
  /** What is left when the bytes have ended. */
  end(): T[];
}
