import { request } from 'node:http';
import { Duplex, PassThrough, pipeline } from 'node:stream';
import { FTP, type ConnectionRequest } from '../lib';

/** Downloads through an HTTP proxy that lets CONNECT through to any port. */
export function clientBehindProxy(url: string, proxyHost: string, proxyPort: number): FTP {
  const { hostname: host, port, username: user, password } = new URL(url);
  const ftp = new FTP({
    host,
    port: Number(port || 21),
    user,
    password,
    createConnection: (target) => connectThrough(proxyHost, proxyPort, target),
  });
  return ftp;
}

/** A Duplex that is there at once, and leads through the proxy as soon as the proxy agrees. */
function connectThrough(host: string, port: number, target: ConnectionRequest): Duplex {
  const outgoing = new PassThrough();
  const incoming = new PassThrough();
  const tunnel = Duplex.from({ writable: outgoing, readable: incoming });
  const connect = request({ host, port, method: 'CONNECT', path: `${target.host}:${target.port}` });
  connect.once('error', (error) => tunnel.destroy(error));
  connect.once('connect', ({ statusCode }, socket, head) => {
    if (statusCode !== 200) {
      socket.destroy();
      tunnel.destroy(new Error(`the proxy answered ${statusCode}`));
      return;
    }
    socket.unshift(head); // the server's greeting may have come with the proxy's answer
    pipeline(outgoing, socket, incoming, (error) => {
      if (error) tunnel.destroy(error);
    });
  });
  connect.end();
  return tunnel;
}
