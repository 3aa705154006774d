import { expect } from 'chai';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import * as ts from 'typescript';

const ROOT = dirname(dirname(__dirname));
const CONSUMER = join(__dirname, 'consumer');

/** How a consumer's compiler finds the package. */
const RESOLUTIONS: Readonly<Record<string, ts.CompilerOptions>> = {
  nodenext: { module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext },
  node16: { module: ts.ModuleKind.Node16, moduleResolution: ts.ModuleResolutionKind.Node16 },
  bundler: { module: ts.ModuleKind.Preserve, moduleResolution: ts.ModuleResolutionKind.Bundler },
};

/**
 * The files of `consumer` must compile against the package's declarations as they are published, and each line after a `@ts-expect-error` must not: a
 * comment of that kind without an error is an error itself.
 */
describe('types', () => {
  let folder: string;
  let files: string[];
  const parsed = new Map<string, ts.SourceFile>();

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'ftplib-types-'));
    const installed = join(folder, 'node_modules/ftplib');
    mkdirSync(join(installed, 'dist'), { recursive: true });
    cpSync(join(ROOT, 'package.json'), join(installed, 'package.json'));
    mkdirSync(join(folder, 'node_modules/@types'));
    for (const name of ['@types/node', 'undici-types']) symlinkSync(join(ROOT, 'node_modules', name), join(folder, 'node_modules', name), 'junction');
    declare(join(installed, 'dist'));
    cpSync(CONSUMER, folder, { recursive: true });
    files = readdirSync(CONSUMER).map((file) => join(folder, file));
  });

  after(() => rmSync(folder, { recursive: true, force: true }));

  for (const [name, resolution] of Object.entries(RESOLUTIONS)) {
    it(`hold what they must for ${name}, and refuse what cannot be`, () => {
      const program = compile(resolution);
      const ours = program.getSourceFiles().filter(({ fileName }) => fileName.startsWith(folder) && !fileName.includes('@types'));
      expect(ours.length).to.be.greaterThan(files.length + 10);
      const found = [...program.getOptionsDiagnostics(), ...ours.flatMap((file) => [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)])];
      expect(found.map(show)).to.deep.equal([]);
    });
  }

  /** The declarations of the package are checked as well, as `skipLibCheck: false` has it; those of Node are not ours. */
  function compile(resolution: ts.CompilerOptions): ts.Program {
    const options: ts.CompilerOptions = {
      ...resolution, target: ts.ScriptTarget.ES2022, lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts'], types: ['node'],
      strict: true, exactOptionalPropertyTypes: true, skipLibCheck: false, noEmit: true, preserveSymlinks: true,
    };
    const host = ts.createCompilerHost(options);
    host.getCurrentDirectory = () => folder;
    const { getSourceFile } = host;
    // The declarations of Node and of the language, which are the same for all three, are read once.
    host.getSourceFile = (name, ...how) => {
      const file = name.startsWith(folder) && !name.includes('@types') ? undefined : parsed.get(name);
      if (file) return file;
      const read = getSourceFile(name, ...how);
      if (read) parsed.set(name, read);
      return read;
    };
    return ts.createProgram(files, options, host);
  }
});

/** Writes the declarations that `npm run build` writes. */
function declare(outDir: string): void {
  const { config } = ts.readConfigFile(join(ROOT, 'lib/tsconfig.json'), (path) => ts.sys.readFile(path)) as { config: object };
  const { options, fileNames } = ts.parseJsonConfigFileContent(config, ts.sys, join(ROOT, 'lib'), { outDir, emitDeclarationOnly: true, noCheck: true });
  const program = ts.createProgram(fileNames, options);
  expect(program.emit().diagnostics.map(show)).to.deep.equal([]);
}

function show({ file, start = 0, messageText }: ts.Diagnostic): string {
  const at = file ? `${file.fileName.split('/').at(-1)}:${file.getLineAndCharacterOfPosition(start).line + 1}: ` : '';
  return at + ts.flattenDiagnosticMessageText(messageText, '\n');
}
