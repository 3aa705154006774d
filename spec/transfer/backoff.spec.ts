import { expect } from 'chai';
import { Backoff, isLoss } from '../../lib/transfer/retry';
import {
  AbortedError, ArgumentError, ChangedError, ConnectionClosedError, FTPError, LimitError, MismatchError, PermanentError, ProtocolError, SecurityError,
  TemporaryError, TimeoutError, TransferError, UnsupportedError,
} from '../../lib/errors';

const LONGEST = (): number => 1 - Number.EPSILON;

function delaysOf(backoff: Backoff, most = 20): number[] {
  const delays: number[] = [];
  for (let next = backoff.next(); next && delays.length < most; next = backoff.next()) delays.push(next.delay);
  return delays;
}

describe('backoff', () => {
  it('doubles from half a second on, five times', () => {
    expect(delaysOf(new Backoff(true, LONGEST))).to.deep.equal([500, 1000, 2000, 4000, 8000]);
  });

  it('stays at maxDelay', () => {
    expect(delaysOf(new Backoff({ attempts: 6, backoff: 10, maxDelay: 35 }, LONGEST))).to.deep.equal([10, 20, 35, 35, 35, 35]);
    expect(delaysOf(new Backoff({ attempts: 3000, backoff: 10, maxDelay: 35 }, LONGEST), 3000).at(-1)).to.equal(35);
  });

  it('has full jitter: any delay from 0 to the longest', () => {
    const draws = [0, 0.5, 0.25];
    expect(delaysOf(new Backoff({ attempts: 3, backoff: 100 }, () => draws.shift() ?? 0))).to.deep.equal([0, 100, 100]);
  });

  it('begins anew after progress, and counts from one', () => {
    const backoff = new Backoff({ attempts: 2, backoff: 10 }, LONGEST);
    expect([backoff.next(), backoff.next(), backoff.next()]).to.deep.equal([{ attempt: 1, delay: 10 }, { attempt: 2, delay: 20 }, undefined]);
    expect(backoff.failures).to.equal(2);
    backoff.reset();
    expect(backoff.next()).to.deep.equal({ attempt: 1, delay: 10 });
  });

  it('takes a number for attempts, none and without end too', () => {
    expect(delaysOf(new Backoff(2, LONGEST))).to.have.length(2);
    expect(delaysOf(new Backoff(0))).to.have.length(0);
    expect(delaysOf(new Backoff(Infinity), 1000)).to.have.length(1000);
  });

  for (const retry of [-1, 1.5, NaN, { attempts: -1 }, { backoff: -1 }, { backoff: NaN }, { maxDelay: 2 ** 31 }, 'often', null]) {
    it(`refuses ${JSON.stringify(retry)}`, () => {
      expect(() => new Backoff(retry as number)).to.throw(ArgumentError);
    });
  }
});

describe('what may be tried again', () => {
  for (const Kind of [ConnectionClosedError, TimeoutError, TemporaryError, TransferError]) {
    it(`is a ${Kind.name}`, () => expect(isLoss(new Kind(''))).to.equal(true));
  }

  for (const Kind of [AbortedError, ArgumentError, ChangedError, LimitError, MismatchError, PermanentError, ProtocolError, SecurityError, UnsupportedError, FTPError]) {
    it(`is no ${Kind.name}`, () => expect(isLoss(new Kind(''))).to.equal(false));
  }

  it('is a TLS handshake that was cut, but none that was refused', () => {
    expect(isLoss(new SecurityError('TLS', { cause: Object.assign(new Error(), { code: 'ECONNRESET' }) }))).to.equal(true);
    expect(isLoss(new SecurityError('TLS', { cause: Object.assign(new Error(), { code: 'CERT_HAS_EXPIRED' }) }))).to.equal(false);
  });

  it('is a 5yz that only echoes data that broke', () => {
    const cause = new TransferError('the data connection was reset');
    expect(isLoss(new PermanentError('500 Command failed', { phase: 'data', cause }))).to.equal(true);
    expect(isLoss(new PermanentError('550 No', { phase: 'command', cause }))).to.equal(false);
    expect(isLoss(new PermanentError('550 No', { phase: 'data' }))).to.equal(false);
  });
});
