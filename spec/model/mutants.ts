import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

/** A fix that is taken out of lib: the model must find what is wrong then. */
interface Mutant {
  readonly name: string;
  /** In lib. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
  /** Where it shows: the beginning of servers' names. */
  readonly servers: readonly string[];
}

const MUTANTS: readonly Mutant[] = [
  {
    name: 'an upload that was cancelled is ended by FIN',
    file: 'data/reset.ts',
    find: '(raw as Socket).resetAndDestroy();',
    replace: 'raw.end();',
    servers: ['keepsWholeOnly'],
  },
  {
    name: 'a download may be shorter than its mark says',
    file: 'data/announced.ts',
    find: 'if (announced === undefined ||',
    replace: 'if (announced !== -1 ||',
    servers: ['embedded'],
  },
  {
    name: 'a download may be shorter than SIZE says',
    file: 'healing/healing-plan.ts',
    find: 'const wanted = Math.max(0, Math.min(end + 1, size) - start);',
    replace: 'const wanted = bytes;',
    servers: ['quietMark'],
  },
  {
    name: 'the turn is given back before the reply to ABOR',
    file: 'control/abort.ts',
    find: "control.send(session.command('ABOR'));\n  return settled;",
    replace: "control.send(session.command('ABOR'));\n  void settled;\n  return Promise.resolve(undefined);",
    servers: ['embedded'],
  },
  {
    name: 'a refusal is taken for success',
    file: 'control/judgement.ts',
    find: "if (reply.kind !== 'transient' && reply.kind !== 'permanent') return undefined;",
    replace: "if ((reply.kind !== 'transient' && reply.kind !== 'permanent') || command?.verb === 'DELE') return undefined;",
    servers: ['embedded'],
  },
  {
    name: 'the working folder is lost with the connection',
    file: 'control/session.ts',
    find: 'await this.#restore(control);',
    replace: 'void this.#restore;',
    servers: ['embedded'],
  },
];

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
    apply(mutant, join(folder, 'lib', mutant.file));
    for (const server of mutant.servers) {
      for (const seed of SEEDS) {
        const output = await soakIn(folder, server, seed);
        const line = output.split('\n').find((each) => each.startsWith(`${server}: `));
        if (line !== undefined) return `found by seed ${seed} on ${server}, ${/again with .*/.exec(output)?.[0] ?? ''}\n    ${line}`;
      }
    }
    return undefined;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function apply({ name, find, replace }: Mutant, file: string): void {
  const text = readFileSync(file, 'utf8');
  const parts = text.split(find);
  if (parts.length !== 2) throw new Error(`${name}: ${file} has ${parts.length - 1} of ${JSON.stringify(find)}`);
  writeFileSync(file, parts.join(replace));
}

/** What the model prints; it fails when it has found something, and that is what is wanted. */
async function soakIn(folder: string, server: string, seed: number): Promise<string> {
  const env = { ...process.env, FTPLIB_MODEL_SERVER: server, FTPLIB_MODEL_SEED: String(seed), FTPLIB_MODEL_OPS: '3000', FTPLIB_MODEL_ENOUGH: '1' };
  const args = [join(folder, 'node_modules/ts-node/dist/bin.js'), join(folder, 'spec/model/main.ts')];
  const ended = promisify(execFile)(process.execPath, args, { cwd: folder, env, maxBuffer: 2 ** 26 });
  return ended.then(({ stdout }) => stdout, (error: { readonly stdout?: string; readonly stderr?: string }) => `${error.stdout ?? ''}${error.stderr ?? ''}`);
}
