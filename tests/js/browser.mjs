// Lets Python drive the system's Chromium through playwright-core: commands come as JSON lines on standard input,
// answers leave on standard output. Elements are found as people find them, by role and name; see support/browser.py.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { extname, join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const [executablePath, ...flags] = process.argv.slice(2);
// A page that was built after the hub: with HOUSEWIRE_PAGE=FOLDER its files come from there instead of from the binary.
const built = process.env.HOUSEWIRE_PAGE && resolve(process.env.HOUSEWIRE_PAGE);
// As PATIENCE in support/wait.py.
const PATIENCE_MS = 20_000;
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

const browser = await chromium.launch({
  executablePath,
  // Chromium refuses to run sandboxed as root, and only then is it started without.
  // A page that this program hands over is of no network to Chromium, and could not reach the hub on this computer.
  args: [
    ...(process.getuid() === 0 ? ["--no-sandbox"] : []),
    ...(built ? ["--disable-features=LocalNetworkAccessChecks"] : []),
    ...flags,
  ],
});
const pages = new Map();
const TYPES = { html: "text/html", js: "text/javascript", css: "text/css", svg: "image/svg+xml", png: "image/png", webmanifest: "application/manifest+json" };

async function serveBuilt(context, origin) {
  const { ["content-security-policy"]: policy = "" } = (await context.request.get(origin)).headers();
  const entry = (path) => (path === "/docs" || path.startsWith("/docs/") ? "docs.html" : "index.html");
  const file = (path) => readFile(join(built, path)).catch(() => (extname(path) ? null : readFile(join(built, entry(path)))));
  await context.route(
    (url) => url.origin === new URL(origin).origin && !url.pathname.startsWith("/api/"),
    async (route) => {
      const { pathname } = new URL(route.request().url());
      const body = await file(pathname);
      if (body === null) return route.continue();
      const type = TYPES[extname(pathname).slice(1)] ?? "text/html";
      return route.fulfill({ body, headers: { "content-type": type, "content-security-policy": policy } });
    },
  );
}
const axeSource = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

// A target: {role, name, checked…} or {css} or {text}, optionally inside another target.
function find(page, { within, role, css, text, ...options }) {
  const scope = within ? find(page, within) : page;
  if (role) return scope.getByRole(role, { exact: true, ...options });
  if (css) return scope.locator(css);
  return scope.getByText(text, options);
}

const commands = {
  async open({ page: name, url, width = 1440, height = 900, dark = false, scale = 1, locale = "en-US", workers = true }) {
    const context = await browser.newContext({
      viewport: { width, height },
      colorScheme: dark ? "dark" : "light",
      deviceScaleFactor: scale,
      locale,
      hasTouch: width < 1000,
      isMobile: width < 600,
      reducedMotion: "reduce",
      // A hub's certificate is of its own making; who checks it is curl and Mosquitto, in other tests.
      ignoreHTTPSErrors: true,
      // The worker would fetch the page from the hub by itself.
      serviceWorkers: built || !workers ? "block" : "allow",
    });
    if (built) await serveBuilt(context, url);
    const page = await context.newPage();
    const seen = { console: [], errors: [], foreign: [], failed: [] };
    pages.set(name, { page, context, seen });
    const host = new URL(url).host;
    const note = (address) => {
      const other = new URL(address);
      if (!["data:", "blob:"].includes(other.protocol) && other.host !== host) seen.foreign.push(address);
    };
    page.on("console", (line) => {
      if ((built || !workers) && line.text().endsWith("blocked by Playwright")) return;
      if (line.type() === "error" || line.type() === "warning") seen.console.push(`${line.type()}: ${line.text()}`);
    });
    page.on("pageerror", (error) => seen.errors.push(String(error)));
    page.on("request", (request) => note(request.url()));
    page.on("websocket", (socket) => note(socket.url().replace(/^ws/, "http")));
    page.on("response", (response) => {
      if (response.status() >= 400) seen.failed.push(`${response.status()} ${response.url()}`);
    });
    await page.goto(url, { waitUntil: "load" });
    return {};
  },
  // What axe finds wrong for people who cannot see or point, by how much it hinders them.
  async axe({ page, impacts }) {
    const view = pages.get(page).page;
    await view.evaluate(axeSource);
    const found = await view.evaluate(() =>
      globalThis.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"], resultTypes: ["violations"] }),
    );
    const serious = found.violations.filter(({ impact }) => impacts.includes(impact));
    const told = ({ id, impact, help, nodes }) =>
      `${impact} ${id}: ${help}: ${nodes.slice(0, 4).map(({ html, failureSummary }) => `${html.slice(0, 200)} (${failureSummary})`).join(" | ")}`;
    return { violations: serious.map(told), passes: found.passes.length };
  },
  async offline({ page, offline }) {
    await pages.get(page).context.setOffline(offline);
    return {};
  },
  async goto({ page, url }) {
    await pages.get(page).page.goto(url, { waitUntil: "load" });
    return {};
  },
  async wait({ page, target, state = "visible", timeout = PATIENCE_MS }) {
    await find(pages.get(page).page, target).first().waitFor({ state, timeout });
    return {};
  },
  async count({ page, target }) {
    return { count: await find(pages.get(page).page, target).count() };
  },
  async click({ page, target }) {
    await find(pages.get(page).page, target).click({ timeout: PATIENCE_MS });
    return {};
  },
  // Presses the left button at one place of an element, moves to another, lets go; places as shares of its size.
  async drag({ page, target, from, to }) {
    const view = pages.get(page).page;
    const box = await find(view, target).boundingBox({ timeout: PATIENCE_MS });
    const at = ([x, y]) => [box.x + x * box.width, box.y + y * box.height];
    await view.mouse.move(...at(from));
    await view.mouse.down();
    await view.mouse.move(...at(to), { steps: 5 });
    await view.mouse.up();
    return {};
  },
  async fill({ page, target, value }) {
    await find(pages.get(page).page, target).fill(value, { timeout: PATIENCE_MS });
    return {};
  },
  async focus({ page, target }) {
    await find(pages.get(page).page, target).focus({ timeout: PATIENCE_MS });
    return {};
  },
  async press({ page, key }) {
    await pages.get(page).page.keyboard.press(key);
    return {};
  },
  // The role, name and state of what has the focus: what a keyboard user is at.
  async focused({ page }) {
    return await pages.get(page).page.evaluate(() => {
      const element = document.activeElement;
      return {
        role: element.getAttribute("role") ?? element.tagName.toLowerCase(),
        name: element.getAttribute("aria-label") ?? element.textContent.trim(),
      };
    });
  },
  async text({ page, target }) {
    return { text: await find(pages.get(page).page, target).first().innerText({ timeout: PATIENCE_MS }) };
  },
  async value({ page, target }) {
    return { value: await find(pages.get(page).page, target).first().inputValue({ timeout: PATIENCE_MS }) };
  },
  async box({ page, target }) {
    return { box: await find(pages.get(page).page, target).first().boundingBox({ timeout: PATIENCE_MS }) };
  },
  async evaluate({ page, script }) {
    return { result: (await pages.get(page).page.evaluate(script)) ?? null };
  },
  // A press that hands over a file.
  async download({ page, target }) {
    const view = pages.get(page).page;
    const [file] = await Promise.all([
      view.waitForEvent("download", { timeout: PATIENCE_MS }),
      find(view, target).click({ timeout: PATIENCE_MS }),
    ]);
    return { name: file.suggestedFilename(), text: await readFile(await file.path(), "utf8") };
  },
  // A press that asks for a file, and is given one with this text.
  async upload({ page, target, name, text }) {
    const view = pages.get(page).page;
    const [chooser] = await Promise.all([
      view.waitForEvent("filechooser", { timeout: PATIENCE_MS }),
      find(view, target).click({ timeout: PATIENCE_MS }),
    ]);
    await chooser.setFiles({ name, mimeType: "application/json", buffer: Buffer.from(text) });
    return {};
  },
  // From now on the hub seems to answer requests that match (a glob) with an error.
  async fail({ page, glob, detail }) {
    const body = JSON.stringify({ type: "about:blank", title: "Internal Server Error", status: 500, detail });
    const answer = { status: 500, contentType: "application/problem+json", body };
    await pages.get(page).page.route(glob, (route) => route.fulfill(answer));
    return {};
  },
  // With what scripts cannot read: the cookies that are HttpOnly.
  async cookies({ page }) {
    return { cookies: await pages.get(page).context.cookies() };
  },
  async screenshot({ page, path, full = false }) {
    await pages.get(page).page.screenshot({ path, fullPage: full, animations: "disabled" });
    return {};
  },
  async seen({ page }) {
    return { seen: pages.get(page).seen };
  },
  async close({ page }) {
    await pages.get(page).context.close();
    pages.delete(page);
    return {};
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { id, op, ...rest } = JSON.parse(line);
  commands[op](rest).then(
    (answer) => say({ id, ok: true, ...answer }),
    (error) => say({ id, ok: false, error: error.message }),
  );
}
await browser.close();
process.exit(0);
