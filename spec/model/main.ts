import { tryMutants } from './mutants';
import { settings } from './settings';
import { LENGTH, soak } from './soak';
import { targets } from './targets';

const USAGE = `The model, by hand: random operations on the servers that are up, and on the embedded one's personalities.

  npm run model
  npm run model -- --mutants [NAME…]   takes one fix after the other out of a copy of lib, and says what finds that

  FTPLIB_MODEL_OPS=100000     operations, default 3000
  FTPLIB_MODEL_SERVER=vsftpd  only servers whose names begin so; several with commas
  FTPLIB_MODEL_SEED=7         the first seed, default one of chance
  FTPLIB_MODEL_ENOUGH=10      findings after which it ends, default 1
  FTPLIB_MODEL_WORKERS=6      sequences at a time
  FTPLIB_MODEL_SHRINK=90      seconds that may be spent on making one finding short
  FTPLIB_MODEL_KNOWN=regexp   findings that are only counted`;

main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});

async function main([option, ...names]: readonly string[]): Promise<void> {
  if (option === '--mutants') return tryMutants(names);
  if (option !== undefined) return console.log(USAGE);
  const { server, ...chosen } = settings(Math.floor(Math.random() * 2 ** 31));
  const all = targets(server);
  if (all.length === 0) throw new Error(`no server is up whose name begins with ${server}`);
  console.log(`seed ${chosen.seed}, ${chosen.operations} operations in sequences of ${LENGTH}, on ${all.map(({ name }) => name).join(', ')}`);
  const result = await soak({ ...chosen, targets: all, onFinding: ({ text }) => console.log(`\n${text}\n`) });
  console.log(`${result.operations} operations in ${result.sequences} sequences, ${(result.milliseconds / 1000).toFixed(1)} s: ${result.reports.length} findings, ${result.known} known or seen before`);
  if (result.reports.length > 0) process.exitCode = 1;
}
