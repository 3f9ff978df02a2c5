// Drives Chromium for package webtest: reads one request a line from stdin, as
// {"id", "method", "params"}, and writes one answer a line to stdout, as {"id",
// "result"} or {"id", "error"}. Requests run side by side, so that a test can
// look at the page while it speaks. It ends, and the browser with it, when stdin
// does.

import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { chromium } from 'playwright-core';

const injected = await readFile(new URL('injected.js', import.meta.url), 'utf8');
const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

const browser = await chromium.launch({
  executablePath: process.argv[2],
  args: [
    '--use-fake-device-for-media-stream', // a microphone that is there; what it hears is injected.js's
    '--allow-loopback-in-peer-connection', // so that a gateway on 127.0.0.1 can be reached
    '--force-webrtc-ip-handling-policy=default',
    '--mute-audio',
  ],
});

const pages = new Map(); // by id: { page, context, cdp, problems }
let opened = 0;

// open makes a page of its own browser profile.
async function open({ url, options, within }) {
  const context = await browser.newContext({
    viewport: { width: options.width, height: options.height },
    colorScheme: options.dark ? 'dark' : 'light',
    reducedMotion: options.reducedMotion ? 'reduce' : 'no-preference',
    forcedColors: options.forcedColors ? 'active' : 'none',
    locale: options.language,
    permissions: ['clipboard-read', 'clipboard-write', ...(options.microphone === 'denied' ? [] : ['microphone'])],
  });
  await context.addInitScript(`globalThis.__webtestMicrophone = ${JSON.stringify(options.microphone)};\n${injected}`);
  const page = await context.newPage();
  const problems = [];
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(`${message.text()} (${message.location().url})`);
  });
  page.on('pageerror', (error) => problems.push(String(error.stack ?? error)));
  page.on('crash', () => problems.push('the page crashed'));
  const id = ++opened;
  pages.set(id, { page, context, problems, cdp: await context.newCDPSession(page) });
  await page.goto(url, { timeout: within });
  return id;
}

// find returns what has a role and a name, also inside of shadow trees. An
// empty name is any.
function find(page, { role, name }) {
  return page.getByRole(role, name === '' ? {} : { name, exact: true });
}

// evaluate runs an expression in the page, past its Content-Security-Policy, and
// awaits its value.
async function evaluate(cdp, expression) {
  const { result, exceptionDetails } = await cdp.send('Runtime.evaluate', {
    expression,
    awaitPromise: true,
    returnByValue: true,
    userGesture: false,
    allowUnsafeEvalBlockedByCSP: true,
  });
  if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
  return result.value ?? null;
}

// until asks again and again, each 25 ms, until the answer is true; what it
// asks about may throw meanwhile.
async function until(within, ask, describe) {
  const end = performance.now() + within;
  let last;
  for (;;) {
    try {
      last = undefined;
      if (await ask()) return;
    } catch (error) {
      last = error;
    }
    if (performance.now() > end) {
      const seen = describe ? `; at last: ${JSON.stringify(await describe().catch(String))}` : '';
      throw new Error(`not within ${within} ms${seen}${last ? `: ${last.message}` : ''}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

// The rules of axe that make WCAG 2.2 AA, and its advice.
const rules = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

const methods = {
  goto: ({ page }, { url, within }) => page.goto(url, { timeout: within }).then(() => null),
  click: ({ page }, p) => find(page, p).click({ timeout: p.within }),
  fill: ({ page }, p) => find(page, p).fill(p.text, { timeout: p.within }),
  select: ({ page }, p) => find(page, p).selectOption(p.text, { timeout: p.within }).then(() => null),
  press: ({ page }, { key }) => page.keyboard.press(key),
  visible: ({ page }, p) => find(page, p).first().isVisible(),
  await: ({ page }, p) => find(page, p).first().waitFor({ state: p.state, timeout: p.within }),
  text: ({ page }, { selector, within }) => page.locator(selector).first().innerText({ timeout: within }),
  awaitText: ({ page }, { selector, text, within }) => {
    const read = () => page.locator(selector).first().innerText({ timeout: 1000 });
    return until(within, async () => (await read()).includes(text), read);
  },
  evaluate: ({ cdp }, { expression }) => evaluate(cdp, expression),
  awaitValue: ({ cdp }, { expression, within }) => until(within, () => evaluate(cdp, expression)),
  focused: ({ page }) => page.evaluate(() => globalThis.__webtest.focused()),
  resize: ({ page }, size) => page.setViewportSize(size),
  screenshot: ({ page }, { path }) => page.screenshot({ path, animations: 'disabled' }).then(() => null),
  axe: async ({ cdp }) => {
    await evaluate(cdp, `${axe};null`);
    return evaluate(
      cdp,
      `axe.run({ runOnly: ${JSON.stringify(rules)} }).then((r) => r.violations.map((v) =>
        v.id + ': ' + v.help + ': ' + v.nodes.map((n) => n.target.flat().join(' ') + ' (' +
        [...n.any, ...n.all, ...n.none].map((c) => c.message).join('; ') + ')').join(', ')))`,
    );
  },
  problems: ({ problems }) => problems,
  say: ({ cdp }, { pcm, rate }) => evaluate(cdp, `__webtest.say(${JSON.stringify(pcm)}, ${rate})`),
  heard: ({ cdp }) => evaluate(cdp, '__webtest.heard()'),
  close: async ({ context }, { page: id }) => {
    pages.delete(id);
    await context.close();
  },
};

async function answer({ method, params }) {
  if (method === 'open') return open(params);
  const page = pages.get(params.page);
  if (!page) throw new Error(`no page ${params.page}`);
  return methods[method](page, params);
}

const write = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);

write({ id: 0, result: browser.version() });
for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  answer(request).then(
    (result) => write({ id: request.id, result: result ?? null }),
    (error) => write({ id: request.id, error: error.message.replace(/\x1b\[[0-9;]*m/g, '') }),
  );
}
await browser.close();
process.exit(0);
