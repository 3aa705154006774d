import { expect } from 'chai';
import { LimitError } from '../../lib/errors';
import type { ListFormatName } from '../../lib/listing/format';
import { ListDecoder, parseList } from '../../lib/listing/list-parser';

const MEBIBYTE = 2 ** 20;

/** A line of each format, with its name last where the format has it there. */
const LINES: Readonly<Record<ListFormatName, string>> = {
  unix: '-rw-r--r--   1 root     other        531 Jan 29 03:26 name',
  mlsd: 'type=file;size=1234;modify=20081105165215; name',
  dos: '04-06-00  03:47PM                  589 name',
  eplf: '+i8388621.50690,m824255907,/,\tname',
  vms: 'README.TXT;4  2  18-APR-2000 10:40:39.90',
  mvs: 'WPTA01 3290   2004/03/04  1    3  FB      80  3125  PO  NAME',
  os400: 'PEP              4019 04/03/18 18:58:16 *STMF      name',
  netware: 'd [RWCEAFMS] daniel 512 May 17  2010 name',
  os2: '                 0  DIR            04-11-95   16:26  name',
  nonstop: 'FILE1 101 528 12-Jan-14 14:21:18 255, 0 "oooo"',
  vm: 'WELCNVT  EXEC     V         72          9          1 1999-09-20 17:16:18 -',
  enterprise: '-C--E-----FTP B QUA1I1      18128       41 Aug 12 13:56 name',
  chameleon: 'DESIGN1.DOC     11264      May 11 1995 14:20   A',
  vshell: '206876  Apr 04, 2000 21:06 name',
  nortel: '2048    Feb-28-1998  05:23:30   name <DIR>',
  os9: '20.20 07/03/29 1026 d-ewrewr 2650 85920 name',
  numeric: '0100644   500  101   12345    123456789       name',
};

/** What each column is stretched with; backtracking would take minutes. */
const FILLINGS = [' ', 'a', '1', '1 ', 'a ', ';', '=', 'a=b;', '/', '-', '.', ',', '[', '(', ' -> ', ' <DIR>', '\t', '*', 'é'];

/** Far more than it takes, and far less than a square of the length would. */
const MOST_MILLISECONDS = 2000;

describe('a line of a megabyte', () => {
  for (const [format, line] of Object.entries(LINES) as [ListFormatName, string][]) {
    it(`${format}: costs milliseconds`, () => {
      expect(parseList(line)).to.have.lengthOf(1);
      let slowest = 0;
      for (const filling of FILLINGS) {
        const stretch = filling.repeat(MEBIBYTE / filling.length);
        for (const at of [0, line.indexOf(' ') + 1, Math.floor(line.length / 2), line.length]) {
          const started = performance.now();
          parseList(line.slice(0, at) + stretch + line.slice(at), { format });
          slowest = Math.max(slowest, performance.now() - started);
        }
      }
      expect(slowest).to.be.below(MOST_MILLISECONDS);
    });
  }

  it('costs milliseconds where no format knows it', () => {
    const started = performance.now();
    for (const filling of FILLINGS) parseList(filling.repeat(MEBIBYTE / filling.length));
    expect(performance.now() - started).to.be.below(MOST_MILLISECONDS * 2);
  });

  it('is an entry when the limit allows it', () => {
    const name = 'x'.repeat(MEBIBYTE - 100);
    const decoder = new ListDecoder({ maxLineBytes: MEBIBYTE });
    const [entry] = decoder.decode(Buffer.from(`type=file; ${name}\r\n`));
    expect(entry?.name).to.have.lengthOf(name.length);
  });
});

describe('maxLineBytes', () => {
  const line = 'type=file; name';

  it('is how long a line may be, without its end, wherever it is cut', () => {
    for (let at = 0; at <= line.length + 2; at++) {
      const decoder = new ListDecoder({ maxLineBytes: line.length });
      const bytes = Buffer.from(`${line}\r\n`);
      expect([...decoder.decode(bytes.subarray(0, at)), ...decoder.decode(bytes.subarray(at))]).to.have.lengthOf(1);
    }
  });

  it('fails with LimitError beyond it', () => {
    expect(() => new ListDecoder({ maxLineBytes: line.length - 1 }).decode(Buffer.from(`${line}\r\n`))).to.throw(LimitError, 'maxLineBytes');
    expect(() => parseList(`${line}\r\n`, { maxLineBytes: line.length - 1 })).to.throw(LimitError);
  });

  it('holds for a line that never ends', () => {
    const decoder = new ListDecoder();
    const endless = Buffer.alloc(16_384, 'a');
    expect(() => {
      for (let i = 0; i < 5; i++) decoder.decode(endless);
    }).to.throw(LimitError, '65536');
  });
});
