import { expect } from 'chai';
import { execFileSync, spawnSync } from 'node:child_process';
import { Arguments } from '../../lib/cli/arguments';
import { COMMANDS, SHARED } from '../../lib/cli/commands';
import { UsageError } from '../../lib/cli/failure';
import { commandHelp, completionFor, overview, sharedHelp, SHELLS } from '../../lib/cli/help';
import { WORK } from '../../lib/cli/run';
import { CommandLine } from './command-line';

describe('the help of the command line', () => {
  const pages = new Map([['', overview(COMMANDS)], ['options', sharedHelp(SHARED)], ...COMMANDS.map((command) => [command.name, commandHelp(command)] as const)]);

  for (const [name, page] of pages) {
    it(`fits into 24 lines of 80 columns: ${name === '' ? 'the first page' : name}`, () => {
      const lines = page.trimEnd().split('\n');
      expect(lines).to.have.length.at.most(23); // and the prompt
      expect(lines.filter((line) => line.length > 80)).to.deep.equal([]);
    });
  }

  it('names every command and every option', () => {
    expect(COMMANDS.map(({ name }) => name)).to.deep.equal(Object.keys(WORK));
    for (const { name, options, shared } of COMMANDS) {
      expect(pages.get(''), name).to.match(new RegExp(`^  ${name} `, 'm'));
      for (const [option, { short }] of Object.entries(options)) expect(pages.get(name), `${name} --${option}`).to.include(shared.includes(option) && short ? `-${short}` : `--${option}`);
      expect(shared.filter((option) => !(option in SHARED))).to.deep.equal([]);
    }
  });

  it('has no letter for two options of a command', () => {
    for (const { name, options } of COMMANDS) {
      const letters = Object.values(options).flatMap(({ short }) => short ?? []);
      expect(new Set(letters).size, name).to.equal(letters.length);
    }
  });

  it('shows examples that the parser takes', () => {
    const lines = COMMANDS.flatMap(({ examples }) => examples).map((line) => /ftplib ((?:[^|;)"']|'[^']*'|"[^"]*")*)/.exec(line)?.[1] ?? '');
    for (const line of lines) {
      const [name, ...words] = (line.match(/'[^']*'|"[^"]*"|[^\s]+/g) ?? []).map((word) => word.replace(/^(['"])(.*)\1$/, '$2'));
      const command = COMMANDS.find((each) => each.name === name) ?? expect.fail(`no command in ${line}`);
      expect(new Arguments(command, words).operands, line).to.have.length.at.least(command.least);
    }
  });

  describe('in a process', () => {
    const command = new CommandLine();

    it('is what the table says', async () => {
      for (const words of [['--help'], ['-h'], ['help']]) expect(await command.done(words)).to.equal(pages.get(''));
      expect(await command.done(['help', 'options'])).to.equal(pages.get('options'));
      expect(await command.done(['help', 'get'])).to.equal(pages.get('get'));
      expect(await command.done(['get', '--help'])).to.equal(pages.get('get'));
      expect(await command.done(['mirror', '-h'])).to.equal(pages.get('mirror'));
    });

    const wrong: readonly [words: string[], message: string][] = [
      [[], 'a command is missing'],
      [['fetch'], "there is no command 'fetch'"],
      [['help', 'fetch'], "there is no command 'fetch'"],
      [['get'], 'an argument is missing: ftplib get <place>... [<local file or folder>]'],
      [['rm'], 'an argument is missing: ftplib rm <place>...'],
      [['ls', '--foo'], "Unknown option '--foo'"],
      [['mirror', 'a', 'b', 'c'], "'c' is one argument too many: ftplib mirror <source> <target>"],
      [['mirror', 'a', 'b'], 'one of the two folders must be here, and the other one on a server: ftp://host/path, host:path, or :path with --host'],
      [['mirror', '--compare', 'x', 'h:a', 'b'], "--compare must be size-time or hash, not 'x'"],
      [['ls', '--timeout', 'long', 'h:'], "--timeout must be seconds, such as 30 or 0.5, not 'long'"],
      [['get', '--rate', 'fast', 'h:a'], "--rate must be bytes a second, such as 500k or 2M, not 'fast'"],
      [['ls', 'x'], "'x' names no server: write ftp://host/path, host:path, or --host HOST"],
      [['ls', 'http://h/'], 'not an FTP URL: "http://h/": expected ftp://, ftps:// or ftpes:// and a host'],
      [['ls', '--ca', 'missing.pem', 'h:'], 'missing.pem: no such file or directory: check the local path'],
      [['put', '-', 'x', 'h:a'], 'standard input needs a name of its own: ftplib put - host:name'],
      [['get', '-x'], "Unknown option '-x': names that begin with a dash come after --"],
      [['rm', '-r', ''], 'an argument is empty: ftplib rm <place>...'],
      [['ls', '--host', '', 'x'], '--host has an empty value'],
      [['mirror', '-f', '', 'h:a', 'b'], '--filter has an empty value'],
      [['mirror', '-f', '!', 'h:a', 'b'], '--filter must be a glob, such as *.txt'],
      [['rm', '-r', 'h:'], 'ftp://h/ is the login folder, which is not deleted: a path is missing'],
      [['put', '..', 'h:a'], 'ftp://h/a/.. has no name of a file'],
      [['completion', 'fish'], "there is no completion for 'fish', but for bash and zsh"],
    ];
    for (const [words, message] of wrong) {
      it(`is short for a command line that is wrong: ftplib ${words.join(' ')}`, async () => {
        const { code, stdout, stderr } = await command.run(words);
        expect(stderr.split('\n')[0]).to.equal(`ftplib: ${message}`);
        expect([code, stdout]).to.deep.equal([message.startsWith('missing.pem') ? 1 : 2, '']);
        expect(stderr).to.not.include('    at ');
      });
    }
  });
});

describe('arguments of the command line', () => {
  const get = COMMANDS.find(({ name }) => name === 'get') ?? expect.fail();

  it('are numbers with units', () => {
    expect(new Arguments(get, ['--rate', '500k', 'h:a']).number('rate')).to.equal(500_000);
    expect(new Arguments(get, ['--rate', '1.5M', 'h:a']).number('rate')).to.equal(1_500_000);
    expect(new Arguments(get, ['--rate', '0.5M', 'h:a']).number('rate')).to.equal(500_000);
    expect(new Arguments(get, ['--timeout', '0.5', 'h:a']).number('timeout')).to.equal(500);
    expect(new Arguments(get, ['--timeout', '0.0001', 'h:a']).number('timeout'), 'is not 0, which is none').to.equal(1);
    expect(() => new Arguments(get, ['--rate=-1', 'h:a'])).to.throw(UsageError);
  });

  it('may come in any order, and after -- be anything', () => {
    const given = new Arguments(get, ['h:a', '-q', '--', '-x']);
    expect([given.operands, given.has('quiet')]).to.deep.equal([['h:a', '-x'], true]);
  });
});

for (const shell of SHELLS) {
  describe(`the completion for ${shell}`, function () {
    if (spawnSync(shell, ['-c', '']).status !== 0) return;
    const complete = (...words: string[]): string[] => {
      // As zsh calls a function of bash.
      const arrays = shell === 'zsh' ? 'setopt ksharrays' : '';
      const script = `${completionFor(shell, COMMANDS)}\n${arrays}\nCOMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}) COMP_CWORD=${words.length - 1}\n_ftplib\nprintf '%s\\n' "\${COMPREPLY[@]}"`;
      const current = words.at(-1) === '=' ? '' : (words.at(-1) as string);
      // Here zsh leaves out nothing of what does not match.
      return execFileSync(shell, ['-fc', script]).toString().split('\n').filter((line) => line !== '' && line.startsWith(current));
    };

    it('knows commands, options and values', () => {
      expect(complete('ftplib', 'm')).to.deep.equal(['mirror', 'mkdir', 'mv']);
      expect(complete('ftplib', 'mirror', '--d')).to.deep.equal(['--delete', '--dry-run']);
      expect(complete('ftplib', 'mirror', '--compare', 'h')).to.deep.equal(['hash']);
      expect(complete('ftplib', 'mirror', '--compare', '=', 'h'), 'as bash has --compare=h').to.deep.equal(['hash']);
      expect(complete('ftplib', 'mirror', '--compare', '=')).to.deep.equal(['size-time', 'hash']);
      expect(complete('ftplib', 'completion', '')).to.deep.equal(['bash', 'zsh', '--help']);
      expect(complete('ftplib', 'help', 'wat')).to.deep.equal(['watch']);
    });

    it('leaves names of files to the shell', () => {
      for (const words of [['ls', '--ca', ''], ['put', 'x'], ['put', '-p', '']]) expect(complete('ftplib', ...words)).to.deep.equal([]);
      expect(completionFor(shell, COMMANDS)).to.match(/\ncomplete -o default -F _ftplib ftplib$/);
    });
  });
}
