import { soak, LENGTH } from './soak';
import { targets } from './targets';

const USAGE = `The model, by hand: random operations on the servers that are up, and on the embedded one's personalities.

  FTPLIB_MODEL_OPS=100000     operations, default 3000
  FTPLIB_MODEL_SERVER=vsftpd  only servers whose names begin so
  FTPLIB_MODEL_SEED=7         begin with this seed, default one of chance
  FTPLIB_MODEL_ENOUGH=10      findings after which it ends, default 1
  FTPLIB_MODEL_WORKERS=6      sequences at a time
  FTPLIB_MODEL_KNOWN=regexp   findings that are only counted

npm run model; npm run model -- --mutants takes each fix out in turn, and says what finds that.`;

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});

async function main(): Promise<void> {
  if (process.argv.includes('--help')) return console.log(USAGE);
  const { FTPLIB_MODEL_SERVER: server, FTPLIB_MODEL_KNOWN: known } = process.env;
  const all = targets(server);
  if (all.length === 0) throw new Error(`no server is up whose name begins with ${server ?? ''}`);
  const seed = numeric('FTPLIB_MODEL_SEED', Math.floor(Math.random() * 2 ** 31));
  const operations = numeric('FTPLIB_MODEL_OPS', 3000);
  console.log(`seed ${seed}, ${operations} operations in sequences of ${LENGTH}, on ${all.map(({ name }) => name).join(', ')}`);
  const result = await soak({
    targets: all, seed, operations, enough: numeric('FTPLIB_MODEL_ENOUGH', 1), workers: numeric('FTPLIB_MODEL_WORKERS', 6), known: known === undefined ? undefined : new RegExp(known),
    onFinding: ({ text }) => console.log(`\n${text}\n`),
  });
  console.log(`${result.operations} operations in ${result.sequences} sequences, ${(result.milliseconds / 1000).toFixed(1)} s: ${result.reports.length} findings, ${result.known} known or seen before`);
  if (result.reports.length > 0) process.exitCode = 1;
}

function numeric(name: string, fallback: number): number {
  const value = process.env[name];
  if (value === undefined || value === '') return fallback;
  if (!/^\d+$/.test(value)) throw new Error(`${name} must be a number, not ${value}`);
  return Number(value);
}
