import { expect } from 'chai';
import { Reply } from '../lib/reply';

describe('Reply', () => {
  const kinds = [
    [100, 'preliminary'], [120, 'preliminary'], [150, 'preliminary'], [199, 'preliminary'],
    [200, 'completion'], [226, 'completion'], [299, 'completion'],
    [300, 'intermediate'], [331, 'intermediate'], [399, 'intermediate'],
    [400, 'transient'], [421, 'transient'], [499, 'transient'],
    [500, 'permanent'], [550, 'permanent'], [599, 'permanent'],
  ] as const;
  for (const [code, kind] of kinds) {
    it(`${code} is ${kind}`, () => expect(new Reply(code, [`${code} x`]).kind).to.equal(kind));
  }

  const texts: readonly [lines: readonly string[], text: string][] = [
    [['200 NOOP ok.'], 'NOOP ok.'],
    [['200'], ''],
    [['200 '], ''],
    [['200  two blanks'], ' two blanks'],
    [['220-Welcome', '220 Ready'], 'Welcome\nReady'],
    [['220-Welcome', ' 220 inner', '221 other code', '2200 no code', '', '220-', '220 Ready'], 'Welcome\n 220 inner\n221 other code\n2200 no code\n\n\nReady'],
    [['220---- Welcome', '220'], '--- Welcome\n'],
    [['211- Supported extensions:', ' SIZE', '211 End'], ' Supported extensions:\n SIZE\nEnd'],
  ];
  for (const [lines, text] of texts) {
    it(`has the words of ${JSON.stringify(lines.join('\n'))} without the codes`, () => {
      expect(new Reply(Number(lines[0]?.slice(0, 3)), lines).text).to.equal(text);
    });
  }

  it('is the string that ftplib returns', () => {
    const reply = new Reply(211, ['211-Features:', ' SIZE', '211 End']);
    expect(String(reply)).to.equal('211-Features:\n SIZE\n211 End');
    expect(`${reply}`).to.equal(reply.toString());
  });

  it('keeps the lines as they came', () => {
    expect(new Reply(220, ['220-a', 'b', '220 c']).lines).to.deep.equal(['220-a', 'b', '220 c']);
  });
});
