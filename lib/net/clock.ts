/** Where the time comes from: a test may bring its own. */
export interface Clock {
  /** Milliseconds that only ever grow. */
  now(): number;
  /** Calls back once after so many milliseconds; the function returned calls it off. */
  after(milliseconds: number, act: () => void): () => void;
  /** Calls back at this interval, and keeps no process alive; the function returned calls it off. */
  every(milliseconds: number, act: () => void): () => void;
}

/** The time of this machine. */
export const systemClock: Clock = {
  now: () => process.uptime() * 1000, // `performance` takes a millisecond to load
  after(milliseconds, act) {
    const timer = setTimeout(act, milliseconds);
    return () => clearTimeout(timer);
  },
  every(milliseconds, act) {
    const timer = setInterval(act, milliseconds).unref();
    return () => clearInterval(timer);
  },
};
