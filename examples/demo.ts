/**
 * `npm start` shows the client at work on a server of its own, on loopback;
 * `npm start -- ftp://user:password@host/path` downloads from a real one.
 */
import { demoLocal } from './demo-local';
import { demoRemote } from './demo-remote';

const [url] = process.argv.slice(2);

(url === undefined ? demoLocal() : demoRemote(url)).catch((error: Error) => {
  process.stderr.write(`failed: ${error.message}\n`);
  process.exitCode = 1;
});
