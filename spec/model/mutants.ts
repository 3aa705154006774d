import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

/** A fix that is taken out of lib: the model must find what is wrong then. */
interface Mutant {
  readonly name: string;
  /** In files of lib, text that stands there once, and what takes its place. */
  readonly edits: readonly (readonly [file: string, find: string, replace: string])[];
  /** Where it shows. */
  readonly server: string;
  /** What a finding of it says. */
  readonly sign: RegExp;
}

const MUTANTS: readonly Mutant[] = [
  {
    name: 'a restart offset of a transfer that was left stays armed',
    edits: [['control/session.ts', "return transfer !== 'anew' || this.state.restart.value === 0 || this.#restartIsCallers;", 'return true;']],
    server: 'embedded',
    sign: /wrong bytes|after \d+ of \d+ bytes|a whole download|bytes came|in place of/,
  },
  {
    name: 'a delete() that is refused is taken for done',
    edits: [['control/control-connection.ts', "if (verdict === 'refusal') return this.#fail(", "if (verdict === 'refusal' && command?.verb !== 'DELE') return this.#fail("]],
    server: 'embedded',
    sign: /delete.* succeeded/,
  },
  {
    name: 'a 226 completes a plain command',
    edits: [['control/command-table.ts', 'filter((code) => ![200, 202, 250].includes(code))', 'filter((code) => ![200, 202, 226, 250].includes(code))']],
    server: 'completesTwice',
    sign: /wrong success|wrong answer|wrong bytes/,
  },
  {
    name: 'a refusal of what came before the 226 is taken for the transfer\u2019s own',
    edits: [['control/control-connection.ts', "if (hasEarly && verdict === 'refusal' && !isTransferFailure(reply)) return void this.#held.push(reply);", '']],
    server: 'refusesDuringTransfer',
    sign: /interfered|out of step|wrong answer|wrong bytes/,
  },
  {
    name: 'an upload that was cancelled is ended by FIN',
    edits: [['net/dial.ts', '(raw as Socket).resetAndDestroy();', 'raw.end();']],
    server: 'keepsWholeOnly',
    sign: /on the server: .*(in place of|the first \d+ are right)/,
  },
  {
    name: 'a download may be shorter than its mark says',
    edits: [['transfer/transfer.ts', 'if (announced !== undefined && bytes < announced', 'if (announced === -1']],
    server: 'embedded',
    sign: /gave what is wrong: .*the first \d+ are right/,
  },
  {
    name: 'a download may be shorter than SIZE says',
    edits: [['transfer/retry.ts', 'const wanted = Math.max(0, Math.min(end + 1, size) - start);', 'const wanted = bytes;']],
    server: 'quietMark',
    sign: /gave what is wrong: \d+ (bytes )?in place of|here: l/,
  },
  {
    name: 'the turn is given back before the reply to ABOR',
    edits: [['control/resync.ts', 'if (abor) control.send(abor);\n', 'if (abor) control.send(abor);\n    if (abor) return settle(undefined);\n']],
    server: 'embedded',
    sign: /out of step|wrong answer|wrong success|unheard|interfered/,
  },
  {
    name: 'the working folder is lost with the connection',
    edits: [['control/session.ts', 'this.#folder.leave();', 'this.#folder.arrived = true;']],
    server: 'embedded',
    sign: /pwd\(\) is|must be|interfered|failed/,
  },
  {
    name: 'a listing that was left is reset, and not read to its end',
    edits: [['transfer/transfer.ts', '.lists && (await this.#drainListing(current, error))) return undefined;', '.lists && this.#drainListing === undefined) return undefined;']],
    server: 'pureftpd-plain',
    sign: /listing|entries|too many|list|nlst|mlsd|walk/i,
  },
];

/** Checks that lib still has what each mutant takes out. @throws Error where it has not */
export function checkMutants(): void {
  for (const { edits } of MUTANTS) for (const [file, find] of edits) partsOf(join(ROOT, 'lib', file), find);
}

const ROOT = dirname(dirname(__dirname));
const COPIED = ['lib', 'spec/model', 'spec/support', 'spec/servers', 'package.json', 'tsconfig.json'];
const SEEDS = [1, 10_001, 20_001];

/** Takes the fixes out one after the other, all or those with these words in their names, and prints which seed finds it. @throws Error when one is not found, or its place in lib is gone */
export async function tryMutants(words: readonly string[]): Promise<void> {
  const chosen = MUTANTS.filter(({ name }) => words.every((word) => name.includes(word)));
  const missed: string[] = [];
  for (const mutant of chosen) {
    const found = await tried(mutant);
    console.log(`${mutant.name}: ${found ?? 'NOT FOUND'}`);
    if (found === undefined) missed.push(mutant.name);
  }
  if (missed.length > 0) throw new Error(`not found: ${missed.join('; ')}`);
}

async function tried(mutant: Mutant): Promise<string | undefined> {
  const folder = mkdtempSync(join(tmpdir(), 'ftplib-mutant-'));
  try {
    for (const each of COPIED) cpSync(join(ROOT, each), join(folder, each), { recursive: true });
    symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
    for (const [file, find, replace] of mutant.edits) replaceOnce(join(folder, 'lib', file), find, replace);
    for (const seed of SEEDS) {
      const lines = (await soakIn(folder, mutant.server, seed)).split('\n');
      const at = lines.findIndex((line) => line.startsWith(`${mutant.server}: `) && mutant.sign.test(line));
      const operations = lines.map((line) => /^(\d+) operations in \d+ sequences/.exec(line)?.[1]).find((count) => count !== undefined);
      if (at >= 0) return `found on ${mutant.server} by seed ${seed} in ${operations} operations: ${lines[at]}`;
      const other = lines.find((line) => line.startsWith(`${mutant.server}: `));
      if (operations === undefined || other !== undefined) throw new Error(`${mutant.name}: ${other ?? lines.join('\n')}`);
    }
    return undefined;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function replaceOnce(file: string, find: string, replace: string): void {
  writeFileSync(file, partsOf(file, find).join(replace));
}

/** What is before and after the text. @throws Error where it is not there, or more than once: lib has changed, and the mutant must, too */
function partsOf(file: string, find: string): string[] {
  const parts = readFileSync(file, 'utf8').split(find);
  if (parts.length !== 2) throw new Error(`${file} has ${parts.length - 1} of ${JSON.stringify(find)}`);
  return parts;
}

/** What the model prints; it fails when it has found something, and that is what is wanted. */
async function soakIn(folder: string, server: string, seed: number): Promise<string> {
  const env = { ...process.env, FTPLIB_MODEL_SERVER: server, FTPLIB_MODEL_SEED: String(seed), FTPLIB_MODEL_OPS: '3000', FTPLIB_MODEL_ENOUGH: '1', FTPLIB_MODEL_SHRINK: '0' };
  const args = [join(folder, 'node_modules/ts-node/dist/bin.js'), join(folder, 'spec/model/main.ts')];
  const ended = promisify(execFile)(process.execPath, args, { cwd: folder, env, maxBuffer: 2 ** 26 });
  return ended.then(({ stdout }) => stdout, (error: { readonly stdout?: string; readonly stderr?: string }) => `${error.stdout ?? ''}${error.stderr ?? ''}`);
}
