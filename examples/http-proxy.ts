import { request } from 'node:http';
import type { Duplex } from 'node:stream';
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

/** A socket that leads through the proxy, as soon as the proxy agrees. */
function connectThrough(host: string, port: number, target: ConnectionRequest): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const connect = request({ host, port, method: 'CONNECT', path: `${target.host}:${target.port}` });
    connect.once('error', reject);
    connect.once('connect', ({ statusCode }, socket, head) => {
      if (statusCode === 200) {
        socket.unshift(head); // the server's greeting may have come with the proxy's answer
        resolve(socket);
      } else {
        socket.destroy();
        reject(new Error(`the proxy answered ${statusCode}`));
      }
    });
    connect.end();
  });
}
