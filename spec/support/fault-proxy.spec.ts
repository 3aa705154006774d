import { expect } from 'chai';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { FaultProxy, type FaultKind, type Plan } from './fault-proxy';

describe('FaultProxy', () => {
  let server: Server;
  let proxy: FaultProxy;
  let client: Socket;
  let peer: Socket;

  beforeEach(async () => {
    server = await listening();
    proxy = await FaultProxy.open({ host: '127.0.0.1', port: portOf(server) });
  });
  afterEach(async () => {
    for (const socket of [client, peer]) socket.destroy();
    expect(await proxy.close()).to.equal(0);
    server.close();
  });

  /** A control connection through the proxy, with that fault. */
  async function meet(plan?: Plan): Promise<void> {
    proxy.arm(plan);
    const accepted = once(server, 'connection');
    client = connect({ host: '127.0.0.1', port: proxy.port, allowHalfOpen: true }).on('error', () => undefined);
    [peer] = (await accepted) as [Socket];
    peer.on('error', () => undefined);
  }

  const toClient = (kind: FaultKind, at: number, amount?: number): Plan => ({ on: 'control', direction: 'toClient', at, kind, ...(amount === undefined ? {} : { amount }) });

  it('relays both directions', async () => {
    await meet();
    peer.write('220 hello\r\n');
    expect(await read(client, 11)).to.equal('220 hello\r\n');
    client.write('NOOP\r\n');
    expect(await read(peer, 6)).to.equal('NOOP\r\n');
    expect(proxy.commands).to.deep.equal(['NOOP']);
    expect(proxy.traffic.control).to.deep.equal({ toClient: 11, toServer: 6 });
  });

  it('cuts by FIN after the chosen byte', async () => {
    await meet(toClient('fin', 5));
    peer.write('220 hello\r\n');
    expect(await toEnd(client)).to.equal('220 h');
    expect(proxy.fired).to.equal(true);
  });

  it('cuts by RST on both sides', async () => {
    await meet();
    // No byte in the same turn as the RST: libuv then reports an end instead.
    proxy.arm(toClient('rst', 0));
    const errors = Promise.all([once(client.resume(), 'error'), once(peer.resume(), 'error')]);
    peer.write('220 hello\r\n');
    expect((await errors).map(([error]) => (error as NodeJS.ErrnoException).code)).to.deep.equal(['ECONNRESET', 'ECONNRESET']);
  });

  it('freezes: what was before arrives, nothing after it, and the sockets stay', async () => {
    await meet(toClient('freeze', 5));
    peer.write('220 hello\r\n');
    expect(await read(client, 5)).to.equal('220 h');
    expect([client.destroyed, peer.destroyed, client.readableEnded]).to.deep.equal([false, false, false]);
    client.end();
  });

  for (const [kind, amount] of [['delay', 1], ['split', 9]] as const) {
    it(`${kind} changes no byte`, async () => {
      await meet(toClient(kind, 2, amount));
      peer.write('220 hello\r\n');
      expect(await read(client, 11)).to.equal('220 hello\r\n');
      expect(proxy.fired).to.equal(true);
    });
  }

  it('corrupts the chosen byte and no other', async () => {
    await meet(toClient('corrupt', 1));
    peer.write('220 hello\r\n');
    expect(await read(client, 11)).to.equal('2\xb20 hello\r\n');
  });

  it('sends the server no half line before a cut, which some would run', async () => {
    await meet({ on: 'control', direction: 'toServer', at: 9, kind: 'fin' });
    client.write('NOOP\r\nMKD folder\r\n');
    expect(await toEnd(peer)).to.equal('NOOP\r\n');
  });

  for (const [reply, pattern] of [
    [(port: number) => `227 Entering Passive Mode (127,0,0,1,${port >> 8},${port & 255}).\r\n`, /127,0,0,1,(\d+),(\d+)/],
    [(port: number) => `229 Entering Extended Passive Mode (|||${port}|)\r\n`, /\|\|\|()(\d+)\|/],
  ] as const) {
    it(`leads the data connection of ${reply(0).slice(0, 3)} through itself`, async () => {
      await meet({ on: 'data', direction: 'toClient', at: 3, kind: 'fin' });
      const data = await listening();
      data.once('connection', (socket) => socket.on('error', () => undefined).end('abcdef'));
      peer.write(reply(portOf(data)));
      const line = await line1(client);
      const [, high, low] = pattern.exec(line) ?? [];
      const port = Number(high) * 256 + Number(low);
      expect(port).not.to.equal(portOf(data));
      const socket = connect({ host: '127.0.0.1', port });
      expect(await toEnd(socket)).to.equal('abc');
      data.close();
    });
  }

  for (const [command, pattern] of [
    [(port: number) => `PORT 127,0,0,1,${port >> 8},${port & 255}\r\n`, /127,0,0,1,(\d+),(\d+)/],
    [(port: number) => `EPRT |1|127.0.0.1|${port}|\r\n`, /\|127.0.0.1\|()(\d+)\|/],
  ] as const) {
    it(`leads the data connection of ${command(0).slice(0, 4)} through itself`, async () => {
      await meet({ on: 'data', direction: 'toClient', at: 3, kind: 'fin' });
      const data = await listening();
      const accepted = once(data, 'connection') as Promise<[Socket]>;
      client.write(command(portOf(data)));
      const [, high, low] = pattern.exec(await line1(peer)) ?? [];
      const socket = connect({ host: '127.0.0.1', port: Number(high) * 256 + Number(low) }).on('error', () => undefined);
      socket.end('abcdef');
      const [arrived] = await accepted;
      expect(await toEnd(arrived)).to.equal('abc');
      data.close();
    });
  }

  it('leads through itself what a PORT that nobody can read announces', async () => {
    proxy.arm({ on: 'data', direction: 'toClient', at: 3, kind: 'fin' });
    const data = await listening();
    const accepted = once(data, 'connection') as Promise<[Socket]>;
    const port = portOf(data);
    const [, high, low] = /^127,0,0,1,(\d+),(\d+)$/.exec(proxy.redirect('PORT', `127,0,0,1,${port >> 8},${port & 255}`)) ?? [];
    client = connect({ host: '127.0.0.1', port: Number(high) * 256 + Number(low) }).on('error', () => undefined);
    client.end('abcdef');
    [peer] = await accepted;
    expect(await toEnd(peer)).to.equal('abc');
    data.close();
  });

  it('leads what createConnection makes through itself', async () => {
    proxy.arm({ on: 'data', direction: 'toClient', at: 2, kind: 'fin' });
    const accepted = once(server, 'connection') as Promise<[Socket]>;
    client = proxy.createConnection({ host: '127.0.0.1', port: portOf(server), purpose: 'data' });
    [peer] = await accepted;
    peer.on('error', () => undefined).write('abc');
    expect(await toEnd(client)).to.equal('ab');
  });
});

async function listening(): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

/** That many bytes. */
async function read(socket: Socket, bytes: number): Promise<string> {
  let text = '';
  while (text.length < bytes) {
    const chunk = socket.read() as Buffer | null;
    if (chunk) text += chunk.toString('latin1');
    else await once(socket, 'readable');
  }
  return text;
}

async function line1(socket: Socket): Promise<string> {
  let text = '';
  while (!text.includes('\n')) text += await read(socket, 1);
  return text;
}

/** Everything until the other side's FIN; then ours is closed, which newer Nodes leave open behind `for await`. */
async function toEnd(socket: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  socket.destroy();
  return Buffer.concat(chunks).toString('latin1');
}
