import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { copyFileSync, createReadStream, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Browser, Page } from 'playwright-core';
import { gateway } from '../../examples/gateway/server';
import { throttle } from '../../lib';
import { GatewayProcess } from '../support/gateway-process';
import { content } from '../support/server/content';
import { FtpServer } from '../support/server/ftp-server';
import { gate, turn } from '../support/server/gate';
import type { FtpServerOptions } from '../support/server/server-options';
import type { Step } from '../support/server/script';
import { data, dataClosed, dataEnd, normal, openData, send, until as heldUntil } from '../support/server/steps';

// `npm run browser`: the page of examples/gateway in Debian's Chromium. Fails if a step fails. Words after it choose the steps whose names have one of them.
// Screenshots are in FTPLIB_SCREENSHOTS, or else in ftplib-screenshots in the system's temporary folder.

const MODULES = join(__dirname, 'node_modules');
const CHROMIUM = '/usr/bin/chromium';
const ARGUMENTS = ['--no-sandbox', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run', '--disable-dev-shm-usage'];
const SCREENSHOTS = process.env['FTPLIB_SCREENSHOTS'] ?? join(tmpdir(), 'ftplib-screenshots');
const MB = 1_000_000;

/** Milliseconds for which the page may not answer, at once and in all, while 5,000 entries come. They are some 60 and 10; other work on the machine adds to them. */
const STILL = { longest: 200, all: 400 };

/** Bytes of each of ten uploads; by hand: `FTPLIB_GATEWAY_UPLOAD=200`, in millions. */
const UPLOAD = Number(process.env['FTPLIB_GATEWAY_UPLOAD'] ?? 20) * MB;

const HOSTILE = ['<img src=x onerror=alert(1)>', '"quoted" \'single\' `back`', '...hidden', '\u202egpj.exe', '\u200fعربي.txt', '%2e%2e', 'a&amp;b', '#hash?query=1', 'javascript:alert(1)', ' blank ', 'two  blanks', 'dots...', 'con.', '\u00a0', '\u200b', '-rf', '~', '*', 'a\tb', 'ü'.repeat(120), 'W'.repeat(250)];

/** As the page shows it. */
const seen = (name: string): string => name.replace(/^ | $/g, '␣').replace(/[\u202e\u00a0\u200b\t]/g, (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`);

/** A browser's page on a server, and what a step may do with them. */
interface Scene {
  readonly browser: Browser;
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
  '/many/': { entries: () => Array.from({ length: 5000 }, (_, i) => ({ name: `picture ${i}.jpg`, size: i * 1000 })) },
};

const isQuick = ({ longest, all }: { longest: number; all: number }): boolean => longest < STILL.longest && all < STILL.all;

/** Takes the beginning of an upload, and leaves the rest. */
const taken: Step = async (session) => {
  const socket = await session.protectedData();
  for (let bytes = 0; bytes < 5 * MB; ) {
    const chunk = socket.read() as Buffer | null;
    if (chunk === null) await once(socket, 'readable');
    else bytes += chunk.length;
  }
};

/** Texts whose contrast with what they stand on is below that of WCAG 2.2, 1.4.3, AA. Each element that may be seen through lies on one that is not. */
const LOW_CONTRAST = `(() => {
  const rgba = (color) => {
    const context = new OffscreenCanvas(1, 1).getContext('2d');
    context.fillStyle = color;
    context.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = context.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const light = ([r, g, b]) => [r, g, b].map((part) => (part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4)).reduce((sum, part, i) => sum + part * [0.2126, 0.7152, 0.0722][i], 0);
  const under = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const color = rgba(getComputedStyle(each).backgroundColor);
      if (color[3] > 0.99) return color;
    }
    return rgba('Canvas');
  };
  const found = [];
  for (const element of document.querySelectorAll('body *')) {
    if (!element.checkVisibility() || element.matches('.unseen, #drop') || ![...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim())) continue;
    const [a, b] = [light(rgba(getComputedStyle(element).color)), light(under(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) found.push([element.textContent, ratio.toFixed(2)]);
  }
  return found;
})()`;

/** What can be tapped and is smaller than 44 px. The link of a row is as large as the row. */
const SMALL_TARGETS = `[...document.querySelectorAll('button, a')].filter((each) => each.checkVisibility()).flatMap((each) => {
  const { width, height } = (each.matches('.row a') ? each.closest('.row') : each).getBoundingClientRect();
  return width < 44 || height < 44 ? [[each.textContent || each.title, width, height]] : [];
})`;

const CASES: Record<string, Case> = {
  'list, folders and crumbs': {
    act: async ({ page }) => {
      await rows(page, 5);
      equal(await names(page), ['docs', 'up', 'a 2.txt', 'a 10.txt', 'big.bin']);
      equal(await page.locator('.row', { hasText: 'big.bin' }).locator('.size').textContent(), '50 MB');
      equal(await page.evaluate('[0, 1, 999, 999_499, 999_500, 999_999, 12_345_678].map(bytes)'), ['0 bytes', '1 byte', '999 bytes', '999 kB', '1 MB', '1 MB', '12.3 MB']);
      await page.locator('.row a', { hasText: 'docs' }).click();
      await page.locator('.row a', { hasText: 'deep ü' }).click();
      await page.locator('#state', { hasText: 'This folder is empty' }).waitFor();
      equal(await texts(page, '#crumbs a'), ['Home', 'docs', 'deep ü']);
      await page.locator('#crumbs a', { hasText: 'docs' }).click();
      await rows(page, 2);
      await page.evaluate('history.back()');
      await page.locator('#state', { hasText: 'This folder is empty' }).waitFor();
      await page.evaluate('location.hash = "#/big.bin?"');
      await page.locator('#state.error', { hasText: /^This is no path\./ }).waitFor();
    },
  },
  'a listing that is broken off stays so, whatever is added': {
    act: async ({ page, server, folder, url }) => {
      await rows(page, 5);
      server.script = { MLSD: [[openData(), send('150 Here it comes.'), data('type=file;size=1; first\r\n'), dataEnd(), send('426 The disk is gone.')], [normal()]] };
      await page.goto(`${url}#/up/`);
      await page.locator('#state.error', { hasText: 'The FTP server says: The disk is gone.' }).waitFor();
      await page.locator('#files').setInputFiles(made(folder, 'second', 2)[1]);
      await page.locator('.job[data-state=done]').waitFor();
      equal([await names(page), await page.locator('#sum').textContent()], [['first', 'second'], '2 files, 3 bytes so far']);
      await page.locator('#state button').focus();
      await page.keyboard.press('Enter');
      await rows(page, 1);
      equal([await names(page), await page.evaluate('document.activeElement.textContent')], [['second'], 'up']);
    },
  },
  '5,000 entries come without a standstill': {
    options: { files: { '/': { entries: () => Array.from({ length: 5000 }, (_, i) => ({ name: `picture ${i * 7919 % 5000}.jpg`, size: i * 1000, type: i % 50 ? 'file' as const : 'directory' as const })) } } },
    act: async ({ page }) => {
      await page.evaluate("window.tasks = []; window.keep = (list) => tasks.push(...list.map(({ duration }) => Math.round(duration))); window.observer = new PerformanceObserver((list) => keep(list.getEntries())); observer.observe({ type: 'longtask' })");
      const times: { longest: number; all: number }[] = [];
      do {
        await page.evaluate('tasks.length = 0; list.replaceChildren(); show()');
        await page.locator('#sum', { hasText: /^100 folders, 4,900 files, \S+ GB$/ }).waitFor({ timeout: 20_000 });
        const tasks = await page.evaluate<number[]>('keep(observer.takeRecords()); tasks'); // of more than 50 ms
        times.push({ longest: Math.max(0, ...tasks), all: tasks.reduce((sum, task) => sum + task - 50, 0) }); // "total blocking time"
      } while (times.length < 3 && !times.some(isQuick));
      console.log(`   no answer for ${times.map(({ longest, all }) => `${longest} ms at most, and for ${all} ms in all beyond the first 50`).join('; then ')}`);
      equal(times.some(isQuick), true);
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
      await page.locator('.row .note', { hasText: 'The FTP server says: No such file or directory.' }).waitFor();
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
  'an upload that is cancelled before it begins is the only one': {
    act: async ({ page, server, folder, url }) => {
      await page.goto(`${url}#/up/`);
      const rest = gate();
      server.script = { SIZE: Array(5).fill([heldUntil(rest), normal()]) };
      await page.locator('#files').setInputFiles([1, 2, 3, 4, 5].map((i) => made(folder, `${i}.txt`, i)[1]));
      await server.waitFor('SIZE');
      await page.locator('.job button', { hasText: 'Cancel' }).first().click();
      rest.open();
      await until(page, "document.querySelectorAll('.job[data-state=done]').length === 4");
      equal([server.files.names('/up').toSorted(), await page.locator('.job').count()], [['2.txt', '3.txt', '4.txt', '5.txt'], 4]);
    },
  },
  'a file costs no more where thousands wait': {
    act: async ({ page, server, url }) => {
      await page.goto(`${url}#/up/`);
      const rest = gate();
      server.script = { SIZE: [heldUntil(rest), send('550 There is none.')], STOR: '553 No more.' };
      const take = (number: number): Promise<number> => page.evaluate(`(() => { const began = performance.now(); for (let i = 0; i < ${number}; i++) upload(chosen(new File([], String(i)))); return performance.now() - began; })()`);
      const first = await take(300);
      await take(4000);
      const last = await take(300);
      console.log(`   300 files: ${first.toFixed(0)} ms, and after 4,300: ${last.toFixed(0)} ms`);
      equal([last < 5 * first, await page.locator('#uploads h2').textContent()], [true, 'Uploading 4,600 files']);
      rest.open();
    },
  },
  'a file that is no longer there is not uploaded': {
    act: async ({ page, server, folder, url }) => {
      await page.goto(`${url}#/up/`);
      const rest = gate();
      server.script = { SIZE: [heldUntil(rest), normal()] };
      const [, file] = made(folder, 'gone', MB);
      await page.locator('#files').setInputFiles(file);
      await server.waitFor('SIZE');
      rmSync(file);
      rest.open();
      await page.locator('.job[data-state=failed]', { hasText: 'The file cannot be read any more: nothing was stored.' }).waitFor();
      equal(server.files.names('/up'), []);
    },
  },
  'a file that is replaced keeps its row, with the focus and the question about it': {
    act: async ({ page, server, folder, url }) => {
      server.write('/up/a.txt', 'old');
      await page.goto(`${url}#/up/`);
      await rows(page, 1);
      for (const size of [10, 20]) {
        const rest = gate();
        server.script = { STOR: [heldUntil(rest), normal()] };
        await page.locator('#files').setInputFiles(made(folder, 'a.txt', size)[1]);
        await page.locator('.job[data-state=asks] button', { hasText: 'Replace' }).click();
        await page.locator('.row a').focus();
        if (size === 20) await page.keyboard.press('Delete');
        rest.open();
        await page.locator('.job[data-state=done]').waitFor();
        equal(await page.locator('.row .size').textContent(), `${size} bytes`);
        if (size === 20) break;
        equal(await focused(page), 'a.txt');
        await page.locator('#clear').click();
      }
      await page.keyboard.press('Tab');
      await page.keyboard.press('Enter');
      await page.locator('#state', { hasText: 'This folder is empty' }).waitFor();
      equal([server.files.names('/up'), await page.locator('.row').count(), await page.evaluate('document.activeElement.textContent')], [[], 0, 'New folder']);
    },
  },
  'what has the focus is not under the uploads': {
    options: { files: SHOWN },
    act: async ({ page, folder }) => {
      await page.setViewportSize({ width: 380, height: 600 });
      await page.locator('#files').setInputFiles(made(folder, 'notes.txt', 10)[1]);
      await page.locator('.job[data-state=asks]').waitFor();
      const isSeen = "document.activeElement.closest('.row').getBoundingClientRect().bottom <= document.querySelector('#uploads').getBoundingClientRect().top";
      await page.evaluate('document.activeElement.blur()');
      for (let i = 0; i < 14; i++) {
        await page.keyboard.press('ArrowDown');
        equal([i, await page.evaluate(isSeen)], [i, true]);
      }
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
      server.script = { DELE: [['550 Not now.'], [normal()]] };
      await page.keyboard.press('Delete');
      await page.keyboard.press('Tab');
      await page.keyboard.press('Enter');
      await page.locator('dialog .error', { hasText: 'The FTP server says: Not now.' }).waitFor();
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
      await until(page, "document.activeElement.closest('.row')"); // where it came from
      equal(await focused(page), 'new');
      await page.keyboard.press('ArrowDown');
      equal(await focused(page), 'up');
    },
  },
  'hostile names are names': {
    options: { files: Object.fromEntries(HOSTILE.map((name) => [`/${name}`, name])) },
    act: async ({ page, server, url }) => {
      await rows(page, HOSTILE.length);
      equal(await page.locator('img').count(), 0);
      equal((await names(page)).toSorted(), HOSTILE.map(seen).toSorted());
      for (const width of [190, 320, 380, 640, 1280]) { // the first is 380 px, twice as large
        await page.setViewportSize({ width, height: 800 });
        equal(await page.evaluate('document.documentElement.scrollWidth <= innerWidth'), true);
        equal(await page.evaluate("[...document.querySelectorAll('.row a')].every((each) => { const { width, height } = each.getBoundingClientRect(); return width > 40 && height > 20; })"), true);
      }
      for (const [i, name] of HOSTILE.entries()) {
        if (i % 8 === 7) { // Chromium asks before the eleventh download in a row
          await page.goto(`${url}?${i}`);
          await rows(page, HOSTILE.length);
        }
        const [download] = await Promise.all([page.waitForEvent('download'), page.locator(`.row a[href="/files/${encodeURIComponent(name)}"]`).click()]);
        equal(readFileSync(await download.path(), 'utf8'), name);
      }
      await page.locator('.row a[href*="img"]').focus();
      await page.keyboard.press('F2');
      await page.locator('#name').fill('<b>bold<b>');
      await page.keyboard.press('Enter');
      await page.locator('dialog').waitFor({ state: 'hidden' });
      equal([await focused(page), await page.locator('b').count(), String(server.read('/<b>bold<b>'))], ['<b>bold<b>', 0, HOSTILE[0]]);
      await page.locator(`.row a[href="/files/${'W'.repeat(250)}"]`).focus();
      await page.keyboard.press('Delete');
      await page.locator('dialog').waitFor();
      equal(await page.evaluate("document.querySelector('dialog').scrollWidth <= document.querySelector('dialog').clientWidth"), true);
      await page.keyboard.press('Escape');
      for (const path of ['..%2f..%2f/', '../', '%2e%2e/', '..', 'a%00b/', '%/']) {
        await page.evaluate(`location.hash = "#/"`);
        await rows(page, HOSTILE.length);
        await page.evaluate(`location.hash = "#/${path}"`);
        await page.locator('#state.error', { hasText: 'This is no path.' }).waitFor();
      }
      await page.evaluate('location.hash = "#/%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E/"');
      await page.locator('#state.error', { hasText: 'The FTP server says' }).waitFor();
      equal(await page.locator('img').count(), 0);
    },
  },
  'a file that the server does not give says so in its row': {
    options: { files: { '/secret': 'x', '/empty': '' } },
    act: async ({ page, server }) => {
      await rows(page, 2);
      server.script = { RETR: ['550 Permission denied.'] };
      await page.locator('.row a', { hasText: 'secret' }).click();
      await page.locator('.row', { hasText: 'secret' }).locator('.note', { hasText: 'The FTP server says: Permission denied.' }).waitFor();
      server.script = {};
      const [download] = await Promise.all([page.waitForEvent('download'), page.locator('.row a', { hasText: 'empty' }).click()]);
      equal(readFileSync(await download.path(), 'utf8'), '');
      const [again] = await Promise.all([page.waitForEvent('download'), page.locator('.row a', { hasText: 'secret' }).click()]);
      equal([readFileSync(await again.path(), 'utf8'), await page.locator('.note').count()], ['x', 0]);
    },
  },
  'a question ends with the folder that it is about': {
    options: { files: { '/a/same': 'in a', '/b/same': 'in b' } },
    act: async ({ page, server, url }) => {
      await page.goto(`${url}#/a/`);
      await rows(page, 1);
      await page.evaluate('location.hash = "#/b/"');
      await page.locator('#crumbs a[aria-current]', { hasText: 'b' }).waitFor();
      await rows(page, 1);
      await page.keyboard.press('ArrowDown');
      await page.keyboard.press('Delete');
      await page.locator('dialog').waitFor();
      await page.evaluate('history.back()');
      await page.locator('#crumbs a[aria-current]', { hasText: 'a' }).waitFor();
      await page.locator('dialog').waitFor({ state: 'hidden' });
      equal([String(server.read('/a/same')), String(server.read('/b/same'))], ['in a', 'in b']);
      await rows(page, 1);
    },
  },
  'folders that are dropped are uploaded with all that is in them': {
    act: async ({ page, server, folder, url }) => {
      await page.goto(`${url}#/up/`);
      await page.locator('#state', { hasText: 'This folder is empty' }).waitFor();
      const files: Record<string, string> = { 'one.txt': '1', 'tree/two.txt': '2', 'tree/in ü/three.txt': '3' };
      for (const [name, text] of Object.entries(files)) {
        mkdirSync(join(folder, dirname(name)), { recursive: true });
        writeFileSync(join(folder, name), text);
      }
      mkdirSync(join(folder, 'tree/empty'));
      for (let i = 0; i < 120; i++) writeFileSync(join(folder, `tree/in ü/${i}`), `${i}`);
      const rest = gate();
      server.script = { MKD: [[heldUntil(rest), normal()], [normal()]] };
      const drop = async (): Promise<void> => {
        const session = await page.context().newCDPSession(page);
        const data = { items: [], files: [join(folder, 'one.txt'), join(folder, 'tree')], dragOperationsMask: 1 };
        for (const type of ['dragEnter', 'dragOver', 'drop']) await session.send('Input.dispatchDragEvent', { type, x: 300, y: 300, data });
      };
      await drop();
      await until(page, "document.querySelectorAll('.job').length === 1"); // before all folders are made
      rest.open();
      await until(page, "document.querySelectorAll('.job[data-state=done]').length === 123");
      for (const [name, text] of Object.entries(files)) equal(String(server.read(`/up/${name}`)), text);
      equal([server.files.names('/up/tree/in ü').length, server.files.names('/up/tree/empty'), await names(page)], [121, [], ['tree', 'one.txt']]);
      await drop();
      await until(page, "document.querySelectorAll('.job[data-state=asks]').length === 123");
      server.script = { MKD: ['550 No folders.'] };
      server.files.delete('/up/tree/in ü');
      await page.locator('#clear').click();
      await drop();
      await page.locator('.job[data-state=failed]', { hasText: 'The FTP server says: No folders.' }).waitFor();
      await page.evaluate("take({ isFile: true, fullPath: '/tree/locked', file: (done, fail) => fail(new DOMException('Nobody may read it.')) }, '/up/')");
      await page.locator('.job[data-state=failed]', { hasText: 'tree/locked' }).locator('.text', { hasText: 'Nobody may read it.' }).waitFor();
    },
  },
  'two uploads to one name: the second asks': {
    act: async ({ page, server, folder, url }) => {
      await page.goto(`${url}#/up/`);
      slowly(server, 10 * MB);
      const [hash, first] = made(folder, 'same.bin', 10 * MB);
      await page.locator('#files').setInputFiles(first);
      await until(page, "document.querySelector('progress')?.value > 0.1");
      mkdirSync(join(folder, 'other'));
      await page.locator('#files').setInputFiles(made(join(folder, 'other'), 'same.bin', MB)[1]);
      await page.locator('.job[data-state=asks]').waitFor();
      await page.locator('.job[data-state=done]').waitFor();
      equal([hashOf(server.read('/up/same.bin')), await page.locator('#said').textContent()], [hash, 'There is a file same.bin already: replace or skip it']);
      await page.locator('.job button', { hasText: 'Skip' }).focus();
      await page.keyboard.press('Enter');
      equal(await page.evaluate('document.activeElement.textContent'), 'Dismiss'); // the other's
      await page.keyboard.press('Enter');
      await page.locator('#uploads').waitFor({ state: 'hidden' });
      equal(await page.evaluate('document.activeElement.textContent'), 'New folder');
      server.write('/up/dir/x', '');
      await page.locator('#files').setInputFiles(made(folder, 'dir', 10)[1]);
      await page.locator('.job[data-state=failed]', { hasText: 'There is a folder of this name.' }).waitFor();
    },
  },
  'everything can be read, found and hit': {
    options: { files: SHOWN },
    act: async ({ page, server, folder }) => {
      await page.setViewportSize({ width: 380, height: 780 });
      await rows(page, 13);
      equal(await texts(page, '.row a[tabindex="0"]'), ['Archive 2024']); // the first, although others came before it
      slowly(server, MB);
      await page.locator('#files').setInputFiles(made(folder, 'a.bin', 10 * MB)[1]);
      await until(page, "document.querySelector('progress')?.value > 0");
      await page.locator('#files').setInputFiles(made(folder, 'notes.txt', 10)[1]);
      await page.locator('.job[data-state=asks]').waitFor();
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
        equal(await page.evaluate(LOW_CONTRAST), []);
        await page.locator('.row button[title=Delete]').first().click();
        equal(await page.evaluate(LOW_CONTRAST), []);
        equal(await page.evaluate("[getComputedStyle(document.querySelector('dialog')).animationName, document.getAnimations().length]"), ['none', 0]);
        await page.keyboard.press('Escape');
      }
      equal(await page.evaluate(SMALL_TARGETS), []);
      equal(await page.evaluate("document.querySelector('.job[data-state=asks] .text').clientWidth > 250"), true);
      equal(await page.evaluate("['Archive 2024', 'latest', 'song.flac'].map((name) => document.querySelector(`.row a[title='${name}']`).ariaDescription)"), ['Folder', 'Link', '31 MB']);
      equal(await page.evaluate("[...document.querySelectorAll('button')].filter((each) => each.checkVisibility() && !(each.ariaLabel ?? each.textContent)).length"), 0);
      equal(await texts(page, 'h1, #list[role=list]>div>[role=listitem]:first-child>a'), ['Files', 'Archive 2024']);
    },
  },
  'ten pages upload at once into a slow server, and the gateway stays small': {
    options: { files: { '/up/': { discard: true } } },
    act: async ({ browser, server, folder }) => {
      const slow = throttle(Math.max(40 * MB, UPLOAD / 5)); // for all of them together
      const receive: Step = async (session) => {
        const file = createHash('sha256');
        let size = 0;
        await pipeline(await session.protectedData(), slow(), async (source: AsyncIterable<Buffer>) => {
          for await (const chunk of source) size += file.update(chunk) && chunk.length;
        });
        received.push(`${size} ${file.digest('hex')}`);
      };
      const received: string[] = [];
      server.script = { STOR: Array.from({ length: 10 }, () => [openData(), send('150 Slowly.'), receive, send('226 Done.')]), RNFR: Array(10).fill('350 Go on.'), RNTO: Array(10).fill('250 Done.') };
      const child = await GatewayProcess.start(server.url);
      const pages: Page[] = [];
      try {
        for (let i = 0; i < 10; i++) {
          const each = await browser.newPage(); // with cookies, a cache and connections of its own
          pages.push(each);
          await each.goto(`http://localhost:${child.port}/#/up/`);
          await each.locator('#state', { hasText: 'This folder is empty' }).waitFor();
        }
        const files = pages.map((_, i) => join(folder, `${i}.bin`));
        for (const file of files) {
          writeFileSync(file, '');
          truncateSync(file, UPLOAD); // takes no space; the page reads it as it goes
        }
        await Promise.all(pages.map((each, i) => each.locator('#files').setInputFiles(files[i] as string)));
        await Promise.all(pages.map((each) => each.locator('.job[data-state=done]').waitFor({ timeout: 300_000 })));
        const most = child.mostMemory / 2 ** 20;
        console.log(`   ${most.toFixed(0)} MiB at most with 10 uploads of ${UPLOAD / MB} MB`);
        equal([received.length, [...new Set(received)], most < 120], [10, [`${UPLOAD} ${await hashOfFile(files[0] as string)}`], true]);
      } finally {
        for (const each of pages) await each.close();
        await child.stop();
      }
    },
  },
  'the server is gone and back': {
    act: async ({ page, server, folder }) => {
      await rows(page, 5);
      const { port } = server;
      await server.close();
      await page.locator('.row a', { hasText: 'docs' }).click();
      await page.locator('#state.error', { hasText: 'The FTP server cannot be reached' }).waitFor();
      equal(await page.locator('#sum').textContent(), '');
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
    await act({ browser, page, server, http, url, folder });
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
  await until(page, `list.querySelectorAll('.row').length === ${count} && !document.querySelector('#sum').textContent.endsWith('…')`);
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
  await page.locator('#files').setInputFiles(files.slice(0, 1));
  await until(page, "document.querySelector('progress').value > 0");
  await page.locator('#files').setInputFiles(files.slice(1));
  await until(page, "document.querySelector('progress').value > 0.3 && document.querySelectorAll('.job[data-state=done]').length === 3");
  await at('uploads');
  equal(await page.evaluate('document.documentElement.scrollWidth <= innerWidth'), true);
  await page.locator('.job button', { hasText: 'Cancel' }).first().click();
  await page.goto(`${url}?2#/empty/`);
  await page.locator('#state', { hasText: 'empty' }).waitFor();
  server.script = { STOR: ['553 There is no room for this file: the quota of 10 GB is used up.'] };
  await page.locator('#files').setInputFiles(files.slice(2, 3));
  await page.locator('.job[data-state=failed]').waitFor();
  await at('upload-failed');
  await page.locator('#clear').click();
  const dataTransfer = await page.evaluateHandle("const data = new DataTransfer(); data.items.add(new File(['a'], 'a')); data");
  await page.dispatchEvent('body', 'dragenter', { dataTransfer });
  await at('drop');
  await page.dispatchEvent('body', 'dragleave', { dataTransfer });
  await at('empty');
  await page.goto(`${url}?3#/Projects/website/assets/images/`);
  await page.locator('#state', { hasText: 'empty' }).waitFor();
  await at('deep');
  server.files.delete('/song.flac');
  await page.goto(`${url}?4#/missing/`);
  await page.locator('#state.error').waitFor();
  await at('error');
  await page.goto(`${url}?5#/`);
  await page.locator('.row').first().waitFor();
  for (const name of ['/notes.txt', '/Quarterly report.pdf']) {
    server.files.delete(name);
    await page.locator('.row a', { hasText: name.slice(1) }).click();
  }
  await until(page, "document.querySelectorAll('.note').length === 2");
  await at('row-errors');
  await page.goto(`${url}?6#/many/`);
  await rows(page, 5000);
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('End');
  await at('many');
  await server.close();
  await page.locator('#crumbs a').first().click();
  await page.locator('#state.error').waitFor();
  await at('gone');
}
