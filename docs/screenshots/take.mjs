// Goes through a planned outage in a real browser, by the Temporal UI alone, and takes the screenshots of
// docs/temporal-ui.md. It starts and answers nothing in any other way than a person would: forms, menus, buttons.
//
//   node take.mjs --ready FILE [--out DIR] [--chromium PATH] [--lead SECONDS]
//
// FILE is what `worker dev --ready-file FILE` wrote; let it be a fresh --state, with no outage in it.

import { mkdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';

const here = dirname(fileURLToPath(import.meta.url));
const { values: flags } = parseArgs({
  options: {
    ready: { type: 'string' },
    out: { type: 'string', default: join(here, '..', 'images') },
    chromium: { type: 'string', default: '/usr/bin/chromium' },
    lead: { type: 'string', default: '150' }, // seconds from the start to the window
  },
});
if (!flags.ready) throw new Error('--ready is missing: the file that `worker dev --ready-file` wrote');
const ready = JSON.parse(readFileSync(flags.ready, 'utf8'));
const width = 1280;
const largest = 250_000; // bytes of a picture
const theEnd = Symbol('the end of the run');

const browser = await chromium.launch({ executablePath: flags.chromium, args: ['--no-sandbox'] });
try {
  mkdirSync(flags.out, { recursive: true });
  await outage();
} finally {
  await browser.close();
}

async function outage() {
  const page = await (await browser.newContext({ viewport: { width, height: 1000 }, locale: 'en-GB' })).newPage();
  page.setDefaultTimeout(20_000);

  await site('site-before', 'public');

  // Start.
  const id = 'outage-' + stamp(new Date());
  const example = JSON.parse(readFileSync(join(here, '..', '..', 'examples', 'planned-outage.json'), 'utf8'));
  const from = new Date(Math.ceil(Date.now() / 1000) * 1000 + Number(flags.lead) * 1000);
  example.window = { start: japan(from), end: japan(new Date(from.getTime() + 30 * 60_000)) };
  await page.goto(ready.ui + '/namespaces/default/workflows');
  await japanTime(page);
  await start(page, id, example, 'start-form');

  // Find.
  await list(page, `TejunState="awaiting-approval"`, id);
  await shot(page, 'runs-by-state', 420);
  await page.getByRole('link', { name: id, exact: true }).click();
  await page.getByRole('heading', { name: 'Event History', exact: true }).waitFor();
  const run = page.url().replace(/\/history.*/, '');
  await tab(page, run, 'search-attributes', 'TejunState');
  await shot(page, 'search-attributes', 760);

  // The first gate.
  await details(page, run, 'awaiting-approval');
  await shot(page, 'gate-plan', 1240);
  await query(page, run);
  await shot(page, 'query-status', 1100);
  await signal(page, run, 'approve', { by: 'ito', reason: '早く進めたいため' });
  await details(page, run, 'refused');
  await shot(page, 'refused', 1000);
  await signal(page, run, 'approve', { by: 'sato', reason: '計画を確認した' }, 'signal-approve');

  // The second gate.
  await details(page, run, 'go or no-go');
  await shot(page, 'gate-go', 1060);
  await signal(page, run, 'approve', { by: 'suzuki', reason: '実施可' });
  await details(page, run, 'the window starts');
  await shot(page, 'waiting', 1100);

  // The outage. The first picture is of the checklist while it moves, if one can be had.
  await page.waitForTimeout(Math.max(0, from.getTime() - Date.now() + 1500));
  await details(page, run, 'running', 60);
  await shot(page, 'moving', 1040);
  await details(page, run, 'the work is going on', 60);
  await shot(page, 'work', 900, 300);
  await site('site-during-public', 'public', '', 900);
  await site('site-during-operator', 'operator');
  await site('sandbox-overview', 'public', '__sandbox/', 1300);
  await tab(page, run, 'history', 'Event History');
  await shot(page, 'history', 1150);

  // The way back.
  await signal(page, run, 'done', { by: 'tanaka', reason: 'データベースの更新が終わった' }, 'signal-done');
  await details(page, run, theEnd, 120);
  await shot(page, 'end', 900, 300);
  await tab(page, run, 'history', 'Event History');
  await shot(page, 'result', 700);
  await site('site-after', 'public');

  // A rejection, in a run of its own.
  const again = new Date(Date.now() + 60 * 60_000);
  example.window = { start: japan(again), end: japan(new Date(again.getTime() + 30 * 60_000)) };
  const second = id + '-b';
  await start(page, second, example);
  await list(page, `TejunState="awaiting-approval"`, second);
  await page.getByRole('link', { name: second, exact: true }).click();
  await page.getByRole('heading', { name: 'Event History', exact: true }).waitFor();
  const rejected = page.url().replace(/\/history.*/, '');
  await signal(page, rejected, 'reject', { by: 'suzuki', reason: '繁忙期のため、翌週に延期してください' });
  await details(page, rejected, theEnd, 30);
  await shot(page, 'rejected', 1100);
}

// ---- Pages of the Temporal UI --------------------------------------------------------------------------------------

// japanTime chooses the zone in which the UI shows times.
async function japanTime(page) {
  await page.locator('button:visible', { hasText: 'UTC' }).first().click();
  await page.locator('[role=menuitem]:visible', { hasText: 'Japan Standard Time' }).click();
  await page.keyboard.press('Escape');
}

async function start(page, id, input, picture) {
  await page.goto(ready.ui + '/namespaces/default/workflows');
  await page.getByRole('link', { name: 'Start Workflow' }).or(page.getByRole('button', { name: 'Start Workflow' })).first().click();
  await page.getByLabel('Workflow ID').fill(id);
  await page.getByLabel('Task Queue').fill('tejun');
  await page.getByLabel('Workflow Type').fill('PlannedOutage');
  const editors = page.locator('.cm-content');
  await type(page, editors.first(), JSON.stringify(input, null, 2));
  for (let i = 0; i < 5 && (await editors.count()) < 3; i++) {
    await page.getByRole('button', { name: 'More options' }).click();
    await page.waitForTimeout(800);
  }
  await type(page, editors.nth(1), input.title);
  await page.waitForTimeout(1500);
  if (picture) await shot(page, picture, 1750);
  await page.getByTestId('start-workflow-button').click();
  await page.getByText('Workflow started successfully').waitFor();
}

// list shows the runs that a query finds, and waits until the run is among them.
async function list(page, text, id) {
  for (let i = 0; ; i++) {
    await page.goto(ready.ui + '/namespaces/default/workflows?query=' + encodeURIComponent(text));
    await page.waitForTimeout(2000);
    if (await page.getByRole('link', { name: id, exact: true }).count()) return;
    if (i > 15) throw new Error(`the list never showed ${id} for ${text}`);
  }
}

async function tab(page, run, name, text) {
  await page.goto(run + '/' + name);
  await page.getByText(text).first().waitFor();
  await page.waitForTimeout(2000);
}

// details shows the tab "User Metadata" until the run's current details hold a text.
async function details(page, run, text, tries = 30) {
  let endings = 0; // how often the run was seen to have ended: the details of the first time may be older than the end
  for (let i = 0; i < tries; i++) {
    await page.goto(run + '/user-metadata');
    await page.getByText('Current Details').first().waitFor();
    await page.waitForTimeout(1200);
    const ended = (await page.getByText('Running', { exact: true }).count()) === 0;
    if (ended) endings++;
    if (text === theEnd ? endings > 1 : (await framed(page)).includes(text)) {
      await page.waitForTimeout(1500); // the frame takes its height
      return;
    }
    if (ended && text !== theEnd) throw new Error(`the run ended before it said "${text}"`);
  }
  throw new Error(`the current details never said "${String(text)}"`);
}

async function framed(page) {
  let all = '';
  for (const frame of page.frames().slice(1)) {
    all += await frame.locator('body').innerText({ timeout: 2000 }).catch(() => '');
  }
  return all;
}

async function query(page, run) {
  await tab(page, run, 'query', 'Query Type');
  await page.getByRole('button', { name: 'Run Query' }).click();
  await page.getByText('"waitingFor"').first().waitFor();
  await page.waitForTimeout(1000);
}

async function signal(page, run, name, message, picture) {
  await tab(page, run, 'history', 'Event History');
  await page.locator('button:visible', { hasText: 'More Actions' }).click();
  await page.locator('[role=menuitem]:visible', { hasText: 'Send a Signal' }).click();
  const dialog = page.locator('dialog[open]');
  await dialog.getByTestId('signal-select-button').click();
  await dialog.getByRole('option').filter({ has: page.getByText(name, { exact: true }) }).click();
  await type(page, dialog.locator('.cm-content'), JSON.stringify(message, null, 2));
  if (picture) await shot(page, picture, 900);
  await dialog.getByRole('button', { name: 'Submit' }).click();
  await dialog.waitFor({ state: 'hidden' });
}

async function type(page, editor, text) {
  await editor.click();
  await page.keyboard.insertText(text);
  await page.waitForTimeout(400);
}

// ---- The simulated site --------------------------------------------------------------------------------------------

async function site(name, who, path = '', height = 560) {
  const address = { public: '203.0.113.10', operator: '198.51.100.7' }[who];
  const context = await browser.newContext({
    viewport: { width, height }, locale: 'ja-JP', extraHTTPHeaders: { 'X-Forwarded-For': address },
  });
  const page = await context.newPage();
  const answer = await page.goto(ready.site + path);
  console.log(`${name}: ${answer.status()} ${answer.headers()['retry-after'] ?? ''}`);
  await shot(page, name, height);
  await context.close();
}

// ---- Helpers -------------------------------------------------------------------------------------------------------

// shot takes the upper part of a page, or the part that begins at `top`.
async function shot(page, name, height, top = 0) {
  await page.setViewportSize({ width, height });
  if (top) {
    await page.mouse.move(200, height - 100);
    await page.mouse.wheel(0, top);
  }
  await page.waitForTimeout(700);
  const file = join(flags.out, name + '.png');
  await page.screenshot({ path: file, animations: 'disabled' });
  await page.setViewportSize({ width, height: 1000 });
  const { size } = statSync(file);
  if (size > largest) {
    console.error(`${file} has ${size} bytes, more than ${largest}`);
    process.exitCode = 1;
  }
  console.log(`${file} ${size}`);
}

// japan writes a moment as RFC 3339 in Japan's zone.
function japan(at) {
  return new Date(at.getTime() + 9 * 3_600_000).toISOString().slice(0, 19) + '+09:00';
}

function stamp(at) {
  return japan(at).slice(0, 16).replace(/[-:]/g, '').replace('T', '-');
}
