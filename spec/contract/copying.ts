import { expect } from 'chai';
import { ftpcp, type FTPOptions } from '../../lib/index';
import { pattern, Scene } from './scene';
import { refusal, type Target } from './target';

/** A copy from one server to another; with `failing`, also what follows a copy that fails, which may take the client's whole patience with ABOR. */
export function describeCopying(source: Target, target: Target, { failing, ...extra }: FTPOptions & { failing: boolean }): void {
  describe(`${source.name} to ${target.name}`, () => {
    const from = new Scene(source, 'copy-from', extra);
    const to = new Scene(target, 'copy-to', extra);
    before(() => Promise.all([from.open(), to.open()]));
    after(() => Promise.all([from.close(), to.close()]));

    const refused = target.facts.refuses.PORT;
    if (refused !== undefined) {
      it(`is refused: ${target.facts.software} says ${refused} to PORT; both clients go on`, async () => {
        await from.put('file', 'x');
        expect((await refusal(ftpcp(from.ftp, 'file', to.ftp, 'copy'))).reply?.code).to.equal(refused);
        await bothGoOn(from, to);
      });
      return;
    }

    it('copies', async () => {
      for (const size of [0, 10, 1_500_000]) {
        const bytes = pattern(size);
        await from.put('file', bytes);
        const replies = await ftpcp(from.ftp, 'file', to.ftp, 'copy');
        expect([replies.source.kind, replies.target.kind]).to.deep.equal(['completion', 'completion']);
        expect(to.read('copy').equals(bytes), `${size} bytes`).to.equal(true);
      }
    });

    if (!failing) return;
    it('is told that the source is missing; both clients go on', async () => {
      await refusal(ftpcp(from.ftp, 'missing', to.ftp, 'copy'));
      await bothGoOn(from, to);
    });
  });
}

async function bothGoOn(from: Scene, to: Scene): Promise<void> {
  expect([await from.ftp.pwd(), await to.ftp.pwd()]).to.deep.equal([from.path, to.path]);
  await from.put('next', 'next');
  expect((await from.get('next')).toString()).to.equal('next');
  await to.put('next', 'next');
  expect(to.read('next').toString()).to.equal('next');
}
