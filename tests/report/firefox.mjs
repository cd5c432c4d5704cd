// Opens a report in Firefox, over WebDriver BiDi, and says what each view does: node firefox.mjs FIREFOX < plan.json
import puppeteer from "puppeteer-core";
import { readFileSync } from "node:fs";

const plan = JSON.parse(readFileSync(0, "utf8"));
const browser = await puppeteer.launch({ browser: "firefox", executablePath: process.argv[2], headless: true });
const page = await browser.newPage();
let problems = [];
let requests = [];
page.on("pageerror", (error) => problems.push(String(error)));
page.on("console", (message) => ["error", "warn"].includes(message.type()) && problems.push(message.text()));
page.on("request", (request) => requests.push(request.url()));

const settle = async () => {
  await new Promise((done) => setTimeout(done, 60));
  await page.waitForSelector("main[aria-busy=false]");
};

const pixels = (selector) =>
  page.$eval(selector, (canvas) => {
    const copy = new OffscreenCanvas(canvas.width, canvas.height);
    const context = copy.getContext("2d");
    context.drawImage(canvas, 0, 0);
    const image = context.getImageData(0, 0, canvas.width, canvas.height);
    return { height: image.height, width: image.width, values: Array.from(image.data) };
  });

const found = [];
for (const { address, width, dark, change, canvas } of plan) {
  [problems, requests] = [[], []];
  await page.setViewport({ width, height: 800 });
  await page.goto("about:blank");
  await page.goto(address);
  await settle();
  const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  if (dark !== ((await background()) !== "rgb(255, 255, 255)")) await page.click("#theme");
  for (const [selector, value] of Object.entries(change ?? {})) {
    await page.$eval(
      selector,
      (control, value) => {
        control.value = value;
        for (const kind of ["input", "change"]) control.dispatchEvent(new Event(kind, { bubbles: true }));
      },
      value,
    );
    await settle();
  }
  found.push({
    problems,
    requests,
    background: await background(),
    title: await page.title(),
    heading: await page.$eval("main h1, main h2", (heading) => heading.textContent.trim()),
    width: await page.evaluate(() => document.documentElement.scrollWidth),
    hash: await page.evaluate(() => location.hash),
    canvas: canvas ? await pixels(canvas) : null,
  });
}
await browser.close();
console.log(JSON.stringify(found));
