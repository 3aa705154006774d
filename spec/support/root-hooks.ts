import { forgetServers } from '../../lib/control/observed-server';
import { leftBeyond, snapshot, type Snapshot } from './leaks';
import { beginSummary, endSummary } from './summary';

/** Milliseconds that closing may take: TLS waits up to two seconds for a close_notify. */
const CLOSING = 6000;

let quiet: Snapshot;
const unheard = new Map<Promise<unknown>, unknown>();
const onUnheard = (reason: unknown, promise: Promise<unknown>): void => void unheard.set(promise, reason);
const onHeard = (promise: Promise<unknown>): void => void unheard.delete(promise);

export const mochaGlobalSetup = beginSummary;

/** After mocha's own summary, so that it is the last that is printed. */
export function mochaGlobalTeardown(): void {
  console.log(endSummary());
}

/** Around all suites of a file: mocha ends its parallel processes whatever they have left open, and no rejection is an error to it. */
export const mochaHooks = {
  async beforeAll(): Promise<void> {
    process.on('unhandledRejection', onUnheard).on('rejectionHandled', onHeard);
    quiet = await snapshot();
  },
  /** The next server may have the port of one before. */
  beforeEach(): void {
    forgetServers();
  },
  async afterAll(this: Mocha.Context): Promise<void> {
    this.timeout(10 * CLOSING);
    const left = await leftBeyond(quiet, CLOSING);
    process.off('unhandledRejection', onUnheard).off('rejectionHandled', onHeard);
    const reasons = [...unheard.values()].map((reason) => (reason instanceof Error ? reason.stack : String(reason)));
    unheard.clear();
    if (reasons.length > 0) throw new Error(`rejections that nobody has heard of: ${reasons.join('\n')}`);
    if (left !== '') throw new Error(`behind all specs of the file, ${left}`);
  },
};
