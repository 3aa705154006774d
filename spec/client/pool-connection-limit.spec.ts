import { expect } from 'chai';
import { ConnectionLimit } from '../../lib/client/pool-queue';
import { Reply } from '../../lib/reply';
import { ConnectionClosedError, PermanentError, TemporaryError } from '../../lib/errors';
import { ManualClock } from '../support/manual-clock';

const full = new TemporaryError('421 Too many', { reply: new Reply(421, ['421 Too many']) });
const refused = new PermanentError('530 Login incorrect.', { reply: new Reply(530, ['530 Login incorrect.']) });

describe('the connections that a pool may have', () => {
  let clock: ManualClock;
  let limit: ConnectionLimit;
  beforeEach(() => {
    clock = new ManualClock();
    limit = new ConnectionLimit(8, 1000, clock);
  });

  it('are one before any is up, then all', () => {
    expect(limit.room(0, 0)).to.equal(1);
    expect(limit.room(0, 1)).to.equal(0);
    expect(limit.room(1, 0)).to.equal(7);
    expect(limit.room(1, 3)).to.equal(4);
    expect(limit.room(8, 0)).to.equal(0);
  });

  it('are tried one at a time after a refusal', () => {
    limit.onRefused(3, 'with others');
    expect(limit.room(3, 2)).to.equal(0);
    expect(limit.room(3, 0)).to.equal(1);
  });

  it('are as many as there were when one was refused alone, and one more after a minute', async () => {
    limit.onRefused(3, 'with others');
    limit.onRefused(3, 'alone');
    expect(limit.room(3, 0)).to.equal(0);
    expect(limit.room(2, 0)).to.equal(1);
    await clock.pass(59_999);
    expect(limit.room(3, 0)).to.equal(0);
    await clock.pass(1);
    expect(limit.room(3, 0)).to.equal(1);
    limit.onOpened(4);
    expect(limit.room(4, 0)).to.equal(1);
    limit.onRefused(4, 'alone');
    expect(limit.room(4, 0)).to.equal(0);
  });

  it('are not waited for by a pool that never had one', () => {
    expect(limit.pauseAfter(full)).to.equal(undefined);
    expect(limit.pauseAfter(refused)).to.equal(undefined);
  });

  it('are waited for, ever longer, by one that had', () => {
    limit.onOpened(1);
    expect([1, 2, 3, 4].map(() => limit.pauseAfter(full))).to.deep.equal([100, 200, 400, undefined]);
    expect(limit.pauseAfter(refused)).to.equal(100);
    limit.onOpened(1);
    expect(limit.pauseAfter(full)).to.equal(100);
  });

  it('are not waited for where the server does not say that it is full', () => {
    limit.onOpened(1);
    expect(limit.pauseAfter(new ConnectionClosedError('ECONNREFUSED'))).to.equal(undefined);
  });

  it('are waited for without end where connectTimeout is 0', () => {
    const patient = new ConnectionLimit(8, 0, clock);
    patient.onOpened(1);
    const pauses = Array.from({ length: 20 }, () => patient.pauseAfter(full) ?? 0);
    expect(Math.max(...pauses)).to.equal(30_000);
    expect(pauses).not.to.include(0);
  });
});
