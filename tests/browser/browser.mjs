// Chromium of this machine, with what every page of the tests is held to: no error, no request elsewhere, no fault that axe finds.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

// The packages lie in the cache, not beside this file.
const require = createRequire(join(process.env.BROWSER_PACKAGES, "package.json"));
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const ARGUMENTS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
];
export const pictures = process.env.BROWSER_PICTURES;

export const launch = () => {
  mkdirSync(pictures, { recursive: true });
  return chromium.launch({ executablePath: process.env.CHROMIUM, args: ARGUMENTS });
};

// Opens a page that notes whatever a page must not do. Answers of the server that the journey provokes are named in `expected`.
export const open = async (browser, url, options = {}) => {
  const { expected = [], ...settings } = options;
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...settings });
  const page = await context.newPage();
  page.setDefaultTimeout(120_000);
  const faults = [];
  const isExpected = (text) => expected.some((part) => text.includes(part));
  page.on("console", (message) => {
    if (message.type() === "error" && !isExpected(message.text())) faults.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => faults.push(`script: ${error.message}`));
  page.on("request", (request) => {
    if (!request.url().startsWith("http://127.0.0.1:")) faults.push(`request: ${request.url()}`);
  });
  page.faults = faults;
  await page.goto(url);
  return page;
};

// Asserts that axe finds nothing, and that nothing is wider than the window.
export const check = async (page, what) => {
  await page.evaluate(axe);
  const found = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  const told = found.violations.map((rule) => `${rule.id}: ${rule.help}: ${rule.nodes.map((node) => node.html).slice(0, 3).join(" ")}`);
  assert.deepEqual(told, [], `axe on ${what}`);
  const [width, room] = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
  assert.ok(width <= room, `${what} is ${width} wide, with room for ${room}`);
  assert.deepEqual(page.faults, [], what);
};

export const picture = (page, name) => page.screenshot({ path: join(pictures, `${name}.png`), fullPage: true });
