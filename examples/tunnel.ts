import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Duplex } from 'node:stream';
import { FTP } from '../lib';

/** A client each of whose connections is a program that leads there: `ssh -W ${host}:${port} jump.example.com`. For a proxy there is the option `proxy`. */
export function clientByProgram(url: string, command: (host: string, port: number) => readonly [program: string, ...args: string[]]): FTP {
  const { hostname: host, port, username: user, password } = new URL(url);
  const ftp = new FTP({
    host,
    port: Number(port || 21),
    user,
    password,
    createConnection: async (target) => {
      const [program, ...args] = command(target.host, target.port);
      const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
      await once(child, 'spawn'); // or its error, where there is no such program
      return Duplex.from({ readable: child.stdout, writable: child.stdin });
    },
  });
  return ftp;
}
