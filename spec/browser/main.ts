import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { copyFileSync, createReadStream, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Browser, Page } from 'playwright-core';
import { gateway } from '../../examples/gateway/server';
import { throttle } from '../../lib';
import { content } from '../support/server/content';
import { FtpServer } from '../support/server/ftp-server';
import { turn } from '../support/server/gate';
import type { FtpServerOptions } from '../support/server/server-options';
import type { Step } from '../support/server/script';
import { dataClosed, normal, openData, send } from '../support/server/steps';

// `npm run browser`: the page of examples/gateway in Debian's Chromium. Fails if a step fails. Words after it choose the steps whose names have one of them.
// Screenshots are in FTPLIB_SCREENSHOTS, or else in ftplib-screenshots in the system's temporary folder.

const MODULES = join(__dirname, 'node_modules');
const CHROMIUM = '/usr/bin/chromium';
const ARGUMENTS = ['--no-sandbox', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run', '--disable-dev-shm-usage'];
const SCREENSHOTS = process.env['FTPLIB_SCREENSHOTS'] ?? join(tmpdir(), 'ftplib-screenshots');
const MB = 1_000_000;

/** Milliseconds without a frame that count as a standstill; it is some 80 on two idle cores, and other work runs beside it. */
const STILL = 1000;

const HOSTILE = ['<img src=x onerror=alert(1)>', '"quoted" \'single\' `back`', '...hidden', '\u202egpj.exe', '\u200fعربي.txt', '%2e%2e', 'a&amp;b', '#hash?query=1', 'javascript:alert(1)', ' blank '];

/** A browser's page on a server, and what a step may do with them. */
interface Scene {
  readonly page: Page;
  readonly server: FtpServer;
  readonly http: Server;
  readonly url: string;
  readonly folder: string;
}

interface Case {
  readonly options?: FtpServerOptions;
  readonly act: (scene: Scene) => Promise<void>;
}

/** What the screenshots show. */
const SHOWN: FtpServerOptions['files'] = {
  '/Projects/website/assets/images/': '', '/Archive 2024/': '', '/写真/': '', '/empty/': '', '/Quarterly report.pdf': content(2_345_678), '/backup-2026-11-28.tar.gz': content(7_340_000_000),
  '/a file with a very long name that goes on and on, as those of papers that somebody has downloaded do (final version 2, corrected, with figures and tables).docx': content(812_345),
  '/notes.txt': 'a', '/\u202egpj.exe': 'x', '/ملف.txt': 'x', '/latest': { target: '/notes.txt' }, '/song.flac': content(31_000_000),
};

/** Takes the beginning of an upload, and leaves the rest. */
const taken: Step = async (session) => {
  const socket = await session.protectedData();
  for (let bytes = 0; bytes < 5 * MB; ) {
    const chunk = socket.read() as Buffer | null;
    if (chunk === null) await once(socket, 'readable');
    else bytes += chunk.length;
  }
};

const CASES: Record<string, Case> = {
  'list, folders and crumbs': {
    act: async ({ page }) => {
      await rows(page, 5);
      equal(await names(page), ['docs', 'up', 'a 2.txt', 'a 10.txt', 'big.bin']);
      equal(await page.locator('.row', { hasText: 'big.bin' }).locator('.size').textContent(), '50 MB');
      await page.locator('.row a', { hasText: 'docs' }).click();
      await page.locator('.row a', { hasText: 'deep ü' }).click();
      await page.locator('#state', { hasText: 'This folder is empty' }).waitFor();
      equal(await texts(page, '#crumbs a'), ['Home', 'docs', 'deep ü']);
      await page.locator('#crumbs a', { hasText: 'docs' }).click();
      await rows(page, 2);
      await page.evaluate('history.back()');
      await page.locator('#state', { hasText: 'This folder is empty' }).waitFor();
    },
  },
  '5,000 entries come without a standstill': {
    options: { files: { '/': { entries: () => Array.from({ length: 5000 }, (_, i) => ({ name: `picture ${i * 7919 % 5000}.jpg`, size: i * 1000, type: i % 50 ? 'file' as const : 'directory' as const })) } } },
    act: async ({ page }) => {
      await page.evaluate('window.longest = 0; window.before = performance.now(); (function look() { const now = performance.now(); longest = Math.max(longest, now - before); before = now; requestAnimationFrame(look); })()');
      await page.evaluate('location.hash = "#/"; show()');
      await page.locator('#sum', { hasText: /^100 folders, 4,900 files, \S+ GB$/ }).waitFor({ timeout: 20_000 });
      const longest = await page.evaluate<number>('longest');
      console.log(`   the longest frame: ${longest.toFixed(0)} ms`);
      equal(longest < STILL, true);
      const order = await names(page);
      equal(order.length, 5000);
      equal(order.slice(98, 102).map((name) => /\d+/.exec(name)?.[0] !== undefined), [true, true, true, true]);
      equal([...order.slice(100)].sort((a, b) => Number(/\d+/.exec(a)) - Number(/\d+/.exec(b))), order.slice(100));
      await page.locator('.row a').first().focus();
      await page.keyboard.press('End');
      equal(await focused(page), order.at(-1));
    },
  },
  'upload of 50 MB with progress': {
    act: async ({ page, server, folder, url }) => {
      await page.goto(`${url}#/up/`);
      slowly(server, 40 * MB);
      await page.evaluate(`window.seen = []; setInterval(() => { const bar = document.querySelector('progress'); if (bar) seen.push([bar.value, document.querySelector('.job .text').textContent]); }, 50)`);
      const [bytes, file] = made(folder, '50 MB.bin', 50 * MB);
      await page.locator('#files').setInputFiles(file);
      await page.locator('.job[data-state=done]').waitFor({ timeout: 30_000 });
      const seen = await page.evaluate<[number, string][]>('seen');
      const values = [...new Set(seen.map(([value]) => value))];
      equal(values.length > 5 && values.every((value, i) => i === 0 || value > (values[i - 1] as number)), true);
      equal(seen.some(([, text]) => /^[\d.]+ MB of 50 MB, [\d.]+ MB\/s, \d+ s left$/.test(text)), true);
      equal(hashOf(server.read('/up/50 MB.bin')), bytes);
      equal(await names(page), ['50 MB.bin']);
      equal(await page.locator('#said').textContent(), '50 MB.bin is uploaded');
    },
  },
  'a download is what the server has': {
    act: async ({ page, server }) => {
      await rows(page, 5);
      const [download] = await Promise.all([page.waitForEvent('download'), page.locator('.row a', { hasText: 'big.bin' }).click()]);
      equal(download.suggestedFilename(), 'big.bin');
      equal(await hashOfFile(await download.path()), (server.file('/big.bin').content as { sha256: string }).sha256);
      server.files.delete('/a 2.txt');
      await page.locator('.row a', { hasText: 'a 2.txt' }).click();
      await page.locator('.row .note', { hasText: 'It is no longer there.' }).waitFor();
    },
  },
  'an upload that is cancelled half way leaves nothing': {
    act: async ({ page, server, folder, url }) => {
      await page.goto(`${url}#/up/`);
      slowly(server, 20 * MB);
      const [, file] = made(folder, 'half.bin', 50 * MB);
      await page.locator('#files').setInputFiles(file);
      await until(page, "document.querySelector('progress')?.value > 0.4");
      await page.locator('.job button', { hasText: 'Cancel' }).click();
      await page.locator('.job[data-state=failed]', { hasText: 'Cancelled: nothing was stored.' }).waitFor();
      await server.waitFor('DELE');
      await turn(); // in which it is carried out
      equal(server.commands.filter((line) => line.startsWith('RNTO')), []);
      equal(server.files.names('/up'), []);
      await page.locator('.job button', { hasText: 'Try again' }).click();
      await page.locator('.job[data-state=done]').waitFor({ timeout: 20_000 });
      equal(server.read('/up/half.bin').length, 50 * MB);
    },
  },
  'an upload that the server refuses, at once or in the middle, says why': {
    act: async ({ page, server, folder, url }) => {
      await page.goto(`${url}#/up/`);
      const cut = [openData(), send('150 Go on.'), taken, send('452 The disk is full.'), dataClosed()];
      server.script = { STOR: [['553 Not for you.'], cut, [normal()]] };
      const [, file] = made(folder, 'large.bin', 50 * MB);
      await page.locator('#files').setInputFiles(file);
      await page.locator('.job[data-state=failed]', { hasText: 'The FTP server says: Not for you.' }).waitFor();
      await page.locator('.job button', { hasText: 'Try again' }).click();
      await page.locator('.job[data-state=failed]', { hasText: 'The FTP server says: The disk is full.' }).waitFor();
      await page.locator('.job button', { hasText: 'Try again' }).click();
      await page.locator('.job[data-state=done]').waitFor();
      equal(server.read('/up/large.bin').length, 50 * MB);
    },
  },
  'several at once, dropped, and one that is there already': {
    act: async ({ page, server, url }) => {
      server.write('/up/b.txt', 'old');
      await page.goto(`${url}#/up/`);
      await rows(page, 1);
      const dataTransfer = await page.evaluateHandle("const data = new DataTransfer(); for (const name of ['a.txt', 'b.txt', 'c.txt', 'd.txt', 'e.txt']) data.items.add(new File([`new ${name}`], name)); data");
      await page.dispatchEvent('body', 'dragenter', { dataTransfer });
      await page.locator('#drop').waitFor();
      await page.dispatchEvent('body', 'drop', { dataTransfer });
      await page.locator('#drop').waitFor({ state: 'hidden' });
      await until(page, "document.querySelectorAll('.job[data-state=done]').length === 4");
      equal(String(server.read('/up/b.txt')), 'old');
      await page.locator('.job[data-state=asks] button', { hasText: 'Replace' }).click();
      await until(page, "document.querySelectorAll('.job[data-state=done]').length === 5");
      equal(['a', 'b', 'c', 'd', 'e'].map((name) => String(server.read(`/up/${name}.txt`))), ['a', 'b', 'c', 'd', 'e'].map((name) => `new ${name}.txt`));
      equal(await names(page), ['a.txt', 'b.txt', 'c.txt', 'd.txt', 'e.txt']);
      await page.locator('#clear').click();
      await page.locator('#uploads').waitFor({ state: 'hidden' });
    },
  },
  'folders made, files renamed and deleted, by keyboard': {
    act: async ({ page, server }) => {
      await rows(page, 5);
      await page.locator('#new').focus();
      await page.keyboard.press('Enter');
      await page.locator('#name').fill('..');
      await page.keyboard.press('Enter');
      await page.locator('dialog .error', { hasText: 'That is no name.' }).waitFor();
      await page.locator('#name').fill('docs');
      await page.keyboard.press('Enter');
      await page.locator('dialog .error', { hasText: 'The FTP server says' }).waitFor();
      await page.locator('#name').fill('new');
      await page.keyboard.press('Enter');
      await page.locator('dialog').waitFor({ state: 'hidden' });
      equal(await focused(page), 'new');
      await page.keyboard.press('ArrowDown');
      await page.keyboard.press('ArrowDown');
      equal(await focused(page), 'a 2.txt');
      await page.keyboard.press('F2');
      await page.locator('#name').fill('big.bin');
      await page.keyboard.press('Enter');
      await page.locator('dialog .error', { hasText: 'There is something of this name already.' }).waitFor();
      await page.locator('#name').fill('a 3.txt');
      await page.keyboard.press('Enter');
      await page.locator('dialog').waitFor({ state: 'hidden' });
      equal([await focused(page), String(server.read('/a 3.txt'))], ['a 3.txt', 'two']);
      await page.keyboard.press('Delete');
      await page.locator('dialog', { hasText: 'Delete “a 3.txt”?' }).waitFor();
      await page.keyboard.press('Escape');
      await page.locator('dialog').waitFor({ state: 'hidden' });
      equal(server.files.has('/a 3.txt'), true);
      await page.keyboard.press('Delete');
      await page.keyboard.press('Tab');
      await page.keyboard.press('Enter');
      await page.locator('dialog').waitFor({ state: 'hidden' });
      equal([server.files.has('/a 3.txt'), await focused(page)], [false, 'a 10.txt']);
      await page.keyboard.press('Home');
      equal(await focused(page), 'docs');
      await page.keyboard.press('Tab');
      await page.keyboard.press('Tab');
      await page.keyboard.press('Space');
      await page.locator('dialog', { hasText: 'everything in it' }).waitFor();
      await page.locator('dialog button', { hasText: 'Delete folder' }).click();
      await page.locator('dialog').waitFor({ state: 'hidden' });
      equal([server.files.has('/docs'), await names(page)], [false, ['new', 'up', 'a 10.txt', 'big.bin']]);
      equal(await focused(page), 'new');
      await page.keyboard.press('Space');
      await page.locator('#state', { hasText: 'This folder is empty' }).waitFor();
      equal(await page.evaluate("document.activeElement.textContent"), 'new');
      await page.keyboard.press('Backspace');
      await rows(page, 4);
      await page.keyboard.press('ArrowDown');
      equal(await focused(page), 'new');
    },
  },
  'hostile names are names': {
    options: { files: Object.fromEntries(HOSTILE.map((name) => [`/${name}`, name])) },
    act: async ({ page, server }) => {
      await rows(page, HOSTILE.length);
      equal(await page.locator('img').count(), 0);
      equal((await names(page)).toSorted(), HOSTILE.map((name) => name.replace('\u202e', '\\u202e')).toSorted());
      for (const name of HOSTILE) {
        const link = page.locator(`.row a[href="/files/${encodeURIComponent(name)}"]`);
        const [download] = await Promise.all([page.waitForEvent('download'), link.click()]);
        equal(readFileSync(await download.path(), 'utf8'), name);
      }
      await page.locator('.row a[href*="img"]').focus();
      await page.keyboard.press('F2');
      await page.locator('#name').fill('<b>bold<b>');
      await page.keyboard.press('Enter');
      await page.locator('dialog').waitFor({ state: 'hidden' });
      equal([await focused(page), await page.locator('b').count(), String(server.read('/<b>bold<b>'))], ['<b>bold<b>', 0, HOSTILE[0]]);
      await page.evaluate('location.hash = "#/..%2f..%2f/"');
      await page.locator('#state.error', { hasText: 'This is no path.' }).waitFor();
      await page.evaluate('location.hash = "#/%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E/"');
      await page.locator('#state.error', { hasText: 'The FTP server says' }).waitFor();
      equal(await page.locator('img').count(), 0);
    },
  },
  'the server is gone and back': {
    act: async ({ page, server, folder }) => {
      await rows(page, 5);
      const { port } = server;
      await server.close();
      await page.locator('.row a', { hasText: 'docs' }).click();
      await page.locator('#state.error', { hasText: 'The FTP server cannot be reached' }).waitFor();
      const [, file] = made(folder, 'later.bin', MB);
      await page.locator('#files').setInputFiles(file);
      await page.locator('.job[data-state=failed]', { hasText: 'The FTP server cannot be reached' }).waitFor();
      const back = await FtpServer.start({ port, files: { '/docs/back': 'x' } });
      try {
        await page.locator('#state button').click();
        await rows(page, 1);
        await page.locator('.job button', { hasText: 'Try again' }).click();
        await page.locator('.job[data-state=done]').waitFor();
        equal(back.read('/docs/later.bin').length, MB);
      } finally {
        await back.close();
      }
    },
  },
};

for (const colorScheme of ['light', 'dark'] as const) {
  for (const width of [380, 1280]) CASES[`screenshots, ${width} px, ${colorScheme}`] = { options: { files: SHOWN }, act: (scene) => shoot(scene, colorScheme, width) };
}

main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});

async function main(wanted: readonly string[]): Promise<void> {
  install();
  const { chromium } = require('playwright-core') as typeof import('playwright-core');
  const browser = await chromium.launch({ executablePath: CHROMIUM, headless: true, args: ARGUMENTS });
  try {
    console.log(`Chromium ${browser.version()}`);
    for (const [name, each] of Object.entries(CASES)) {
      if (wanted.length > 0 && !wanted.some((word) => name.includes(word))) continue;
      const began = performance.now();
      const error = await attempt(browser, each);
      console.log(`${error === undefined ? 'ok' : 'FAILED'} ${name} (${((performance.now() - began) / 1000).toFixed(1)} s)${error === undefined ? '' : `\n${error}`}`);
      if (error !== undefined) process.exitCode = 1;
    }
  } finally {
    await browser.close();
  }
}

/** Quick when there is nothing to do. */
function install(): void {
  if (!existsSync(CHROMIUM)) {
    execFileSync('apt-get', ['update', '-qq'], { stdio: 'inherit' });
    execFileSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', 'chromium', 'fonts-dejavu-core'], { stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } });
  }
  const [lock, installed] = [join(__dirname, 'package-lock.json'), join(MODULES, '.installed')];
  if (existsSync(installed) && readFileSync(installed).equals(readFileSync(lock))) return;
  execFileSync('npm', ['ci', '--prefix', __dirname, '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], { stdio: 'inherit' });
  copyFileSync(lock, installed);
}

/** Runs a case on a server, a gateway and a page of its own; why it failed, if it did. Whatever the page logs as an error is one. */
async function attempt(browser: Browser, { options, act }: Case): Promise<string | undefined> {
  const folder = mkdtempSync(join(tmpdir(), 'ftplib-browser-'));
  const files = { '/docs/deep ü/': '', '/docs/readme.txt': 'read me', '/up/': '', '/a 10.txt': 'ten', '/a 2.txt': 'two', '/big.bin': content(50 * MB) };
  const server = await FtpServer.start({ files, ...options });
  const http = gateway(server.url);
  await once(http.listen(0, '127.0.0.1'), 'listening');
  const url = `http://localhost:${(http.address() as AddressInfo).port}/`;
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 }, acceptDownloads: true, locale: 'en-US', timezoneId: 'UTC' });
  const errors: string[] = [];
  page.on('pageerror', (error) => errors.push(String(error)));
  page.on('console', (message) => message.type() === 'error' && !message.text().startsWith('Failed to load resource') && errors.push(message.text()));
  page.on('dialog', (dialog) => void dialog.accept());
  try {
    await page.goto(url);
    await act({ page, server, http, url, folder });
    return errors.length > 0 ? errors.join('\n') : undefined;
  } catch (error) {
    mkdirSync(SCREENSHOTS, { recursive: true });
    await page.screenshot({ path: join(SCREENSHOTS, 'failed.png') }).catch(() => undefined);
    return [(error as Error).stack, ...errors].join('\n');
  } finally {
    await page.close();
    http.close();
    http.closeAllConnections();
    await server.close();
    rmSync(folder, { recursive: true });
  }
}

function equal(actual: unknown, expected: unknown): void {
  const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (a !== b) throw new Error(`expected ${b}, not ${a}`);
}

/** Waits until the list has so many rows, and no more are to come. */
async function rows(page: Page, count: number): Promise<void> {
  await until(page, `list.childElementCount === ${count} && !document.querySelector('#sum').textContent.endsWith('…')`);
}

/** Waits until an expression is true in the page. The page's policy forbids the `eval` by which playwright-core would wait. */
async function until(page: Page, condition: string): Promise<void> {
  const look = `(function look() { if (${condition}) done(true); else if (performance.now() > end) done(false); else requestAnimationFrame(look); })()`;
  if (!(await page.evaluate<boolean>(`new Promise((done) => { const end = performance.now() + 20000; ${look}; })`))) throw new Error(`not true: ${condition}`);
}

async function names(page: Page): Promise<readonly string[]> {
  return await texts(page, '.row a');
}

async function texts(page: Page, selector: string): Promise<readonly string[]> {
  return await page.evaluate<string[]>(`[...document.querySelectorAll(${JSON.stringify(selector)})].map((each) => each.textContent)`);
}

async function focused(page: Page): Promise<string | undefined> {
  return await page.evaluate<string | undefined>("document.activeElement.closest('.row')?.querySelector('a').textContent");
}

/** A local file of so many bytes; their hash, and its path. */
function made(folder: string, name: string, size: number): [hash: string, path: string] {
  const bytes = content(size, size);
  writeFileSync(join(folder, name), bytes.read(0, size));
  return [bytes.sha256, join(folder, name)];
}

/** Lets the server's next upload arrive at no more than so many bytes a second. */
function slowly(server: FtpServer, bytesPerSecond: number): void {
  const receive: Step = async (session) => {
    const chunks: Buffer[] = [];
    const whole = await pipeline(await session.protectedData(), throttle(bytesPerSecond)(), async (source: AsyncIterable<Buffer>) => {
      for await (const chunk of source) chunks.push(chunk);
    }).then(() => true, () => false);
    if (whole) server.write(session.path(session.argument), Buffer.concat(chunks));
    session.writeRaw(whole ? '226 Done.\r\n' : '426 Cut off.\r\n');
  };
  server.script = { STOR: [[openData(), send('150 Slowly.'), receive], [normal()]] };
}

function hashOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

async function hashOfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

async function shoot({ page, server, url, folder }: Scene, colorScheme: 'light' | 'dark', width: number): Promise<void> {
  const at = async (name: string): Promise<void> => void (await page.screenshot({ path: join(SCREENSHOTS, `${name}-${width}-${colorScheme}.png`) }));
  mkdirSync(SCREENSHOTS, { recursive: true });
  await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
  await page.setViewportSize({ width, height: width === 380 ? 780 : 800 });
  await page.goto(`${url}?1`);
  await page.locator('.row').first().waitFor();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('ArrowDown');
  await at('list');
  equal(await page.evaluate('document.documentElement.scrollWidth <= innerWidth'), true);
  await page.keyboard.press('F2');
  await at('rename');
  await page.keyboard.press('Escape');
  await page.locator('.row', { hasText: 'Archive' }).locator('button[title=Delete]').click();
  await at('delete');
  await page.keyboard.press('Escape');
  slowly(server, 3 * MB);
  const files = ['holiday.mov', 'notes.txt', 'a long name of a file that is uploaded from a camera with many letters.raw', 'fifth.bin', 'fourth.bin'].map((name, i) => made(folder, name, i ? 40_000 * i : 30 * MB)[1]);
  await page.locator('#files').setInputFiles(files);
  await until(page, "document.querySelector('progress').value > 0.3");
  await at('uploads');
  equal(await page.evaluate('document.documentElement.scrollWidth <= innerWidth'), true);
  await page.locator('.job button', { hasText: 'Cancel' }).first().click();
  await page.goto(`${url}?2#/empty/`);
  await page.locator('#state', { hasText: 'empty' }).waitFor();
  await at('empty');
  await page.goto(`${url}?3#/Projects/website/assets/images/`);
  await page.locator('#state', { hasText: 'empty' }).waitFor();
  await at('deep');
  await page.goto(`${url}?4#/missing/`);
  await page.locator('#state.error').waitFor();
  await at('error');
}
