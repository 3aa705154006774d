import { expect } from 'chai';
import { collect, onScene, Scene } from './scene';
import { modeOptions, refusal, type Mode, type Target } from './target';
import type { FTPOptions } from '../../lib/index';

/** A contract in one mode; where the server refuses the mode, the caller is told so. */
export function describeMode(target: Target, title: string, mode: Mode, contract: (scene: Scene) => void, extra: FTPOptions = {}): void {
  const options = { ...extra, ...modeOptions(mode) };
  const code = mode === 'PASV' ? undefined : target.facts.refuses[mode];
  if (code !== undefined) return describeRefusal(target, title, mode, code, options);
  onScene(target, title, options, (scene) => {
    it(`asks for ${mode} and nothing else`, async () => {
      const asked: string[] = [];
      const note = (line: string): void => void (/^(EPSV|PASV|EPRT|PORT)/.test(line) && asked.push(line.slice(0, 4)));
      scene.ftp.on('command', note);
      await collect(scene.ftp.retr(scene.outside('readme.txt')));
      scene.ftp.off('command', note);
      expect(asked).to.deep.equal([mode]);
    });
    contract(scene);
  });
}

function describeRefusal(target: Target, title: string, mode: Mode, code: number, options: FTPOptions): void {
  describe(title, () => {
    it(`${target.facts.software} says ${code} to ${mode}, and goes on`, async () => {
      const ftp = new Scene(target, title, options).client();
      expect((await refusal(collect(ftp.retr('readme.txt')))).reply?.code).to.equal(code);
      expect(await ftp.pwd()).to.equal(target.root || '/');
      await ftp.quit();
    });
  });
}
