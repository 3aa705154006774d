import { expect } from 'chai';
import { areAlike, judge, ruleOf, type Verdict } from '../../lib/control/command-table';
import { Reply } from '../../lib/reply';

/** What RFC 959 (5.4), 1123, 2228, 2389, 2428, 3659 and 4217 let each command be answered when it succeeds, or goes on with 3yz. */
const BY_RFC: Readonly<Record<string, readonly number[]>> = {
  USER: [230, 331, 332], PASS: [202, 230, 332], ACCT: [202, 230], REIN: [220], QUIT: [221],
  AUTH: [234, 334], ADAT: [235, 335], CCC: [200], PBSZ: [200], PROT: [200],
  CWD: [250], XCWD: [250], CDUP: [200, 250], XCUP: [200, 250], SMNT: [202, 250],
  PWD: [257], XPWD: [257], MKD: [257], XMKD: [257], RMD: [250], XRMD: [250],
  TYPE: [200], STRU: [200], MODE: [200], PORT: [200], EPRT: [200], PASV: [227], EPSV: [229],
  ALLO: [200, 202], REST: [350],
  RETR: [226, 250], STOR: [226, 250], STOU: [226, 250], APPE: [226, 250], LIST: [226, 250], NLST: [226, 250], MLSD: [226, 250],
  ABOR: [225, 226], RNFR: [350], RNTO: [250], DELE: [250],
  SIZE: [213], MDTM: [213], MLST: [250], FEAT: [211], OPTS: [200], SYST: [215], STAT: [211, 212, 213], HELP: [211, 214], SITE: [200, 202], NOOP: [200],
};

const TRANSFERS = ['RETR', 'STOR', 'STOU', 'APPE', 'LIST', 'NLST', 'MLSD'];
/** 2yz codes that belong to some commands alone: a command that has them not is answered out of step. */
const TELLING = [211, 213, 214, 215, 220, 221, 225, 226, 227, 229, 230, 234, 235, 257];
/** These servers use as they like: no command's own. */
const FREE = [200, 202, 250];

function verdict(verb: string, code: number, marked = false): Verdict {
  return judge(new Reply(code, [`${code} text`]), ruleOf(verb, TRANSFERS.includes(verb)), marked);
}

describe('the table of commands', () => {
  for (const [verb, codes] of Object.entries(BY_RFC)) {
    it(`takes ${verb} for a success by ${codes.join(', ')}`, () => {
      for (const code of codes) expect(verdict(verb, code, TRANSFERS.includes(verb)), String(code)).to.equal('success');
    });

    it(`takes ${verb} for refused by any 4yz and 5yz`, () => {
      for (const code of [400, 421, 426, 450, 451, 452, 499, 500, 501, 502, 503, 504, 521, 530, 550, 553, 554, 599]) expect(verdict(verb, code), String(code)).to.equal('refusal');
    });

    it(`takes ${verb} for a success by no code of other commands`, () => {
      for (const code of TELLING) {
        // USER may be answered 231, 232 and PASS the same (RFC 2228), SITE whatever its own commands are answered.
        if (codes.includes(code) || (verb === 'SITE' && code < 220) || (verb === 'EPSV' && code === 227)) continue;
        expect(verdict(verb, code), String(code)).to.equal('foreign');
      }
    });

    it(`takes ${verb} for a success by no 3yz that is not its own`, () => {
      for (const code of [300, 314, 331, 332, 334, 335, 336, 350, 399]) if (!codes.includes(code)) expect(verdict(verb, code), String(code)).to.equal('unexpected');
    });
  }

  it('lets servers be free with 200, 202 and 250 where nothing depends on it, and nowhere else', () => {
    const strict = Object.keys(BY_RFC).filter((verb) => FREE.some((code) => verdict(verb, code, true) !== 'success'));
    expect(strict).to.deep.equal(['AUTH', 'ADAT', 'PWD', 'XPWD', 'PASV', 'EPSV', 'REST', ...TRANSFERS, 'ABOR', 'RNFR', 'SIZE', 'MDTM', 'FEAT'].sort((a, b) => order(a) - order(b)));
  });

  it('takes 227 for an answer to EPSV, which is of no use', () => {
    expect(verdict('EPSV', 227)).to.equal('unexpected');
  });

  it('takes TYPE, PORT and EPRT for no success by 314, and REST by no 2yz', () => {
    for (const verb of ['TYPE', 'PORT', 'EPRT']) expect(verdict(verb, 314)).to.equal('unexpected');
    for (const code of [200, 226, 250]) expect(verdict('REST', code)).to.not.equal('success');
  });

  it('takes 226 for the end of a transfer and of nothing else; without a mark too', () => {
    const ended = Object.keys(BY_RFC).filter((verb) => verdict(verb, 226) === 'success');
    expect(ended).to.deep.equal(['RETR', 'STOR', 'STOU', 'APPE', 'LIST', 'NLST', 'MLSD', 'ABOR']);
    for (const verb of TRANSFERS) expect(verdict(verb, 226, true)).to.equal('success');
  });

  it('takes 125 and 150 for marks of transfers alone, and lets other 1yz be', () => {
    for (const verb of Object.keys(BY_RFC)) {
      for (const code of [125, 150]) expect(verdict(verb, code), verb).to.equal(TRANSFERS.includes(verb) || verb === 'REIN' ? 'preliminary' : 'foreign');
      expect(verdict(verb, 120), verb).to.equal('preliminary');
    }
  });

  it('knows nothing of a caller’s own command but that it has no data connection', () => {
    for (const code of [200, 211, 213, 220, 250, 257]) expect(verdict('XYZZY', code)).to.equal('success');
    for (const code of [225, 226, 227, 229]) expect(verdict('XYZZY', code)).to.equal('foreign');
    expect(verdict('XYZZY', 226, true)).to.equal('success'); // with a mark before it, it has one after all
    expect(verdict('XYZZY', 350)).to.equal('unexpected');
  });

  it('takes a caller’s own command that is run as a transfer for one', () => {
    const rule = ruleOf('XRETR', true);
    expect(judge(new Reply(226, ['226 Done']), rule)).to.equal('success');
    expect(judge(new Reply(200, ['200 Fine']), rule)).to.equal('unexpected');
    expect(rule.transfers).to.equal(true);
  });

  it('is asked nothing that Object.prototype would answer', () => {
    for (const verb of ['CONSTRUCTOR', '__proto__', 'toString', 'hasOwnProperty']) expect(ruleOf(verb, false)).to.equal(ruleOf('XYZZY', false));
  });

  it('takes a greeting for one by 2yz only, which 120 may come before', () => {
    const greeted = [120, 220, 230, 331, 421, 500].map((code) => judge(new Reply(code, [`${code} text`]), undefined));
    expect(greeted).to.deep.equal(['preliminary', 'success', 'success', 'unexpected', 'refusal', 'refusal']);
  });

  it('tells commands apart whose replies differ, and those not whose replies may be the same', () => {
    const alike = (a: string, b: string): boolean => areAlike(ruleOf(a, TRANSFERS.includes(a)), ruleOf(b, TRANSFERS.includes(b)));
    for (const [a, b] of [['FEAT', 'TYPE'], ['TYPE', 'EPSV'], ['FEAT', 'EPSV'], ['PWD', 'SIZE'], ['EPSV', 'RETR'], ['SIZE', 'TYPE']] as const) expect(alike(a, b), `${a} ${b}`).to.equal(false);
    for (const [a, b] of [['DELE', 'DELE'], ['DELE', 'CWD'], ['SIZE', 'MDTM'], ['TYPE', 'NOOP'], ['RETR', 'LIST'], ['PWD', 'MKD'], ['DELE', 'RETR']] as const) expect(alike(a, b), `${a} ${b}`).to.equal(true);
  });

  it('says what may have been carried out when a reply is lost: what changes files', () => {
    const changing = Object.keys(BY_RFC).filter((verb) => ruleOf(verb, false).changes === 'server');
    expect(changing.sort()).to.deep.equal(['APPE', 'DELE', 'MKD', 'RMD', 'RNTO', 'SITE', 'STOR', 'STOU', 'XMKD', 'XRMD']);
  });

  it('lets only such commands follow the data of a transfer as no 226 answers, and as change nothing', () => {
    const following = Object.keys(BY_RFC).filter((verb) => ruleOf(verb, false).allowedBeforeCompletion);
    expect(following).to.include('EPSV').and.include('PASV');
    for (const verb of following) {
      expect(verdict(verb, 226), verb).to.equal('foreign');
      expect(ruleOf(verb, false).changes, verb).to.equal('nothing');
    }
  });
});

function order(verb: string): number {
  return Object.keys(BY_RFC).indexOf(verb);
}
