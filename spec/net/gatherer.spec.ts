import { expect } from 'chai';
import { Gatherer } from '../../lib/net/receive-buffer';

describe('Gatherer', () => {
  it('joins what arrives in one turn of the event loop, in order', async () => {
    const delivered: string[] = [];
    const gatherer = new Gatherer((chunk) => delivered.push(chunk.toString()));
    for (const text of ['a', 'b', 'c']) gatherer.add(Buffer.from(text));
    expect(delivered).to.deep.equal([]);
    await new Promise((resolve) => setImmediate(resolve));
    gatherer.add(Buffer.from('d'));
    await new Promise((resolve) => setImmediate(resolve));
    expect(delivered).to.deep.equal(['abc', 'd']);
  });

  it('holds no more than 1 MiB and a record', () => {
    const delivered: number[] = [];
    const gatherer = new Gatherer((chunk) => delivered.push(chunk.length));
    for (let index = 0; index < 65; index++) gatherer.add(Buffer.alloc(16_384));
    expect(delivered).to.deep.equal([1_048_576]);
    gatherer.flush();
    expect(delivered).to.deep.equal([1_048_576, 16_384]);
  });

  it('hands a single chunk on as it is, and nothing when there is nothing', () => {
    const delivered: Buffer[] = [];
    const gatherer = new Gatherer((chunk) => delivered.push(chunk));
    const chunk = Buffer.from('x');
    gatherer.add(chunk);
    gatherer.flush();
    gatherer.flush();
    expect(delivered).to.have.lengthOf(1);
    expect(delivered[0]).to.equal(chunk);
  });
});
