import { once } from 'node:events';
import { expect } from 'chai';
import { ConnectionClosedError, FTP, PermanentError, type Reply } from '../../lib/index';
import { goodbye, type Target } from './target';

/** Greeting, login and good-bye. */
export function describeLogin(target: Target): void {
  describe('login', () => {
    it('greets, logs in, and says good-bye', async () => {
      const ftp = new FTP(target.options);
      expect((await ftp.connect()).code).to.equal(220);
      expect(ftp.welcome?.code).to.equal(220);
      expect((await ftp.login()).kind).to.equal('completion');
      expect(await ftp.pwd()).to.equal(target.root || '/');
      const closed = once(ftp, 'close');
      expect((await ftp.quit())?.code).to.equal(goodbye(target.facts));
      expect(await closed).to.deep.equal([undefined]);
    });

    it('connects and logs in by itself when it is first used', async () => {
      const ftp = new FTP(target.options);
      expect(await ftp.pwd()).to.equal(target.root || '/');
      ftp.close();
    });

    it('tells the caller who connected by hand that the connection is gone', async () => {
      const ftp = new FTP(target.options);
      await ftp.connect();
      await ftp.login();
      ftp.close();
      expect(await ftp.pwd().catch((error: unknown) => error)).to.be.instanceOf(ConnectionClosedError);
    });
  });
}

/** A wrong password; apart, for some servers take seconds to say so. */
export function itRefusesWrongPassword(target: Target): void {
  it(`${target.name} refuses a wrong password`, async () => {
    const ftp = new FTP({ ...target.options, password: 'wrong-password' });
    const replies: Reply[] = [];
    ftp.on('reply', (reply) => replies.push(reply));
    const error = await ftp.pwd().catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(PermanentError);
    const { reply, phase, message } = error as PermanentError;
    expect({ code: reply?.code, phase }).to.deep.equal({ code: target.facts.wrongPassword, phase: 'login' });
    expect(message).not.to.contain('wrong-password');
    ftp.close();
  });
}
