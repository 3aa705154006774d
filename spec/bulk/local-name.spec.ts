import { expect } from 'chai';
import { checkLocalName } from '../../lib/bulk/tree-sides';
import { SecurityError } from '../../lib/index';

const NEVER = ['', '.', '..', 'a/b', '/etc/passwd', '../up', 'a\0b'];
const NOT_PORTABLE = [
  'a\\b', '..\\up', '\\\\server\\share', 'C:', 'c:\\autoexec.bat', 'z:file',
  'CON', 'con', 'NUL', 'nul.txt', 'Aux.tar.gz', 'PRN .txt', 'COM1', 'com9.log', 'LPT3', 'COM¹', 'CONIN$', 'nul:',
  'dot.', 'dots...', 'blank ', '...', ' ',
];
const NOT_ON_WINDOWS = ['ab:c', 'file.txt:stream', 'a*', 'a?', '<a>', 'a|b', '"a"', 'a\nb', 'a\x1bb'];
const FINE = ['a', '.hidden', ' lead', '-dash', 'a b', 'größe', '日本', 'console', 'null', 'com', 'com10', 'comet1', 'lpt', 'auxiliary.c', '..a', 'a..b', '~', '$HOME', '%2e%2e', '😀'];

describe('a name from a server, as a local name', () => {
  for (const name of NEVER) {
    it(`is refused everywhere: ${JSON.stringify(name)}`, () => {
      for (const rules of ['portable', 'native'] as const) for (const platform of ['linux', 'win32'] as const) expect(() => checkLocalName(name, rules, platform)).to.throw(SecurityError);
    });
  }

  for (const name of NOT_PORTABLE) {
    it(`is refused unless this system's own rules are asked for: ${JSON.stringify(name)}`, () => {
      expect(() => checkLocalName(name, 'portable', 'linux')).to.throw(SecurityError);
      expect(() => checkLocalName(name, 'portable', 'win32')).to.throw(SecurityError);
      expect(() => checkLocalName(name, 'native', 'win32')).to.throw(SecurityError);
      expect(() => checkLocalName(name, 'native', 'linux')).not.to.throw();
    });
  }

  for (const name of NOT_ON_WINDOWS) {
    it(`is refused on Windows: ${JSON.stringify(name)}`, () => {
      expect(() => checkLocalName(name, 'portable', 'win32')).to.throw(SecurityError);
      expect(() => checkLocalName(name, 'portable', 'linux')).not.to.throw();
    });
  }

  for (const name of FINE) {
    it(`is taken: ${JSON.stringify(name)}`, () => {
      for (const rules of ['portable', 'native'] as const) for (const platform of ['linux', 'win32', 'darwin'] as const) checkLocalName(name, rules, platform);
    });
  }

  it('is not repeated at any length', () => {
    expect(() => checkLocalName(`${'x'.repeat(60_000)}/`, 'native')).to.throw(SecurityError).with.property('message').with.length.below(400);
  });
});
