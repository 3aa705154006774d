import { expect } from 'chai';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { buffer } from 'node:stream/consumers';
import { finished } from 'node:stream/promises';
import { type CommandMessage, type ConnectionMessage, FTP, FTPError, FTPPool, PermanentError, type TransferMessage } from '../../lib/index';
import { content } from '../support/server/content';
import { optionsOf, realServers, type RealServer } from './servers';

const BYTES = content(300_000).read(0, 300_000);
type Message = ConnectionMessage | CommandMessage | TransferMessage;

/** `diagnostics_channel` and the stacks of errors, on one server of each program. */
describe('what a program sees of real servers', () => {
  for (const server of realServers().filter(({ name }) => /-(plain|reuse)$/.test(name))) describe(server.name, () => describeServer(server));
});

function describeServer(server: RealServer): void {
  const path = `seeing-${process.pid}-${server.name}`;
  const messages: Message[] = [];
  const take = (message: unknown): void => void messages.push(message as Message);
  const channels = ['ftplib:connection', 'ftplib:command', 'ftplib:transfer'];
  beforeEach(() => {
    messages.length = 0;
    for (const channel of channels) subscribe(channel, take);
  });
  afterEach(() => {
    for (const channel of channels) unsubscribe(channel, take);
  });

  function ends(): (TransferMessage & { event: 'end' })[] {
    return messages.filter((each): each is TransferMessage & { event: 'end' } => 'direction' in each && each.event === 'end');
  }

  it('publishes connections, commands and transfers, once each, and no secret', async () => {
    const ftp = new FTP(optionsOf(server));
    const up = ftp.stor(path);
    up.end(BYTES);
    await finished(up);
    expect((await buffer(ftp.retr(path))).equals(BYTES)).to.equal(true);
    for await (const chunk of ftp.retr(path)) if (chunk.length > 0) break;
    await buffer(ftp.retr(`${path}-missing`)).catch(() => undefined);
    await ftp.list().toArray();
    await ftp.delete(path);
    await ftp.quit();
    expect(ends().map(({ outcome }) => outcome)).to.deep.equal(['complete', 'complete', 'left', 'failed', 'complete']);
    expect(ends().slice(0, 2).map(({ bytes, direction }) => `${direction} ${bytes}`)).to.deep.equal([`up ${BYTES.length}`, `down ${BYTES.length}`]);
    expect(messages.filter((each) => each.event === 'start')).to.have.lengthOf(5);
    const opened = messages.filter(({ event }) => event === 'open');
    expect(messages.filter(({ event }) => event === 'close')).to.have.lengthOf(opened.length);
    expect(opened[0]).to.include({ host: server.host, port: server.port, secure: server.secure });
    const commands = messages.filter((each): each is CommandMessage => 'command' in each && !('direction' in each));
    expect(commands.map(({ command }) => command)).to.include.members([`USER ${server.user}`, 'PASS ****', `DELE ${path}`]);
    expect(commands.find(({ command }) => command === `DELE ${path}`)?.reply?.kind).to.equal('completion');
    expect(JSON.stringify(messages)).not.to.include(server.password);
  });

  it('gives errors the line of their caller, from a client and from a pool', async () => {
    for (const client of [new FTP(optionsOf(server)), new FTPPool(optionsOf(server))]) {
      async function theCaller(act: () => Promise<unknown>): Promise<unknown> {
        try {
          return await act();
        } catch (error) {
          return error;
        }
      }
      for (const act of [() => client.delete(`${path}-missing`), () => buffer(client.retr(`${path}-missing`)), () => client.put(BYTES, `${path}-missing/x`, { retry: false })]) {
        const error = await theCaller(async () => {
          await act();
        });
        expect(error).to.be.instanceOf(FTPError);
        expect((error as FTPError).stack).to.match(/seeing\.spec\.ts:\d+/);
      }
      expect(await theCaller(async () => void (await client.rename(`${path}-missing`, 'x')))).to.be.instanceOf(PermanentError);
      await client.quit();
    }
  });
}
