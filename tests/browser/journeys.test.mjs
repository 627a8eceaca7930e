// Journeys of an operator: pages follow a job, a lost worker and a lost leader without a reload; every view, light and dark.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { cpSync } from "node:fs";
import { join } from "node:path";
import { Cluster, until } from "./cluster.mjs";
import { check, launch, open, picture } from "./browser.mjs";

const HOSTILE = "<script>document.title='owned'</script>\"'><img src=x onerror=document.title='owned'>";

let cluster;
let browser;
const input = () => join(cluster.folder, "in");
const dataset = () => join(cluster.folder, "dataset");

const submit = (job, ...more) =>
  cluster.tailor("job", "submit", "--job", job, "--input", input(), "--dataset", dataset(), "--rollup", "5m", ...more);

// Finds a coordinator that answers; the first journey kills the other.
const serving = () =>
  until("a coordinator that answers", async () => {
    const answers = [0, 1].map((at) => cluster.json(at, "").then((page) => page.kind === "JobsPage", () => false));
    const up = (await Promise.all(answers)).indexOf(true);
    return up >= 0 && String(up);
  });

// Marks a page, so that a reload would be seen.
const mark = (page) => page.evaluate(() => { window.isMarked = true; });
const isMarked = (page) => page.evaluate(() => window.isMarked === true);

before(async () => {
  cluster = await Cluster.start(join(process.env.BROWSER_PICTURES, "logs"));
  browser = await launch();
  const made = await cluster.tailor("gen", "--out", input(), "--points", "6000000", "--orgs", "12", "--seed", "7");
  assert.equal(made.code, 0, made.stderr);
});

after(async () => {
  await browser?.close();
  cluster?.stop();
});

test("a job appears and goes on, a worker is killed, the leader changes: the pages follow without a reload", async () => {
  const leader = await cluster.leader();
  // The pages of the coordinator that follows outlive the leader.
  const at = 1 - leader;
  const jobs = await open(browser, cluster.url(at), { expected: ["503"] });
  await jobs.getByText("No job is open.").waitFor();
  await mark(jobs);
  const workers = await open(browser, cluster.url(at, "workers"), { expected: ["503"] });
  await mark(workers);
  await workers.getByRole("rowheader", { name: "w1" }).waitFor();

  const submitted = await submit("nightly", "--split-size", "64KiB", "--partition-size", "64KiB", "--reason", HOSTILE);
  assert.equal(submitted.code, 0, submitted.stderr);
  await jobs.getByRole("link", { name: "nightly" }).first().waitFor();
  assert.ok(await isMarked(jobs), "the list was not reloaded");
  await picture(jobs, "jobs-open");

  await jobs.getByRole("link", { name: "nightly" }).first().click();
  await jobs.getByText(/^Running: /).or(jobs.getByText(/Running: /)).first().waitFor();
  await mark(jobs);
  await picture(jobs, "job-running");

  // A shard at work shows its attempts by slot.
  const { shards } = await cluster.json(at, "jobs/nightly");
  const left = (shard) => shard.map_tasks - shard.map_tasks_done;
  const busy = shards.filter((shard) => shard.running > 0).sort((a, b) => left(b) - left(a))[0];
  const slots = await open(browser, cluster.url(at, `jobs/nightly/shards/${busy.shard}`), { expected: ["503"] });
  await slots.locator("#stream rect").first().waitFor();
  await picture(slots, "shard-running");
  await check(slots, "the slots of a shard");
  await slots.context().close();

  cluster.kill("w1");
  await workers.getByRole("rowheader", { name: "w1" }).waitFor({ state: "detached" });
  assert.ok(await isMarked(workers), "the list of workers was not reloaded");

  cluster.kill(`c${leader}`);
  await jobs.getByText(/Complete: /).first().waitFor();
  assert.ok(await isMarked(jobs), "the page of the job was not reloaded");
  assert.equal(await jobs.title(), "nightly · Tailor", "a reason with markup stays text");
  await jobs.getByText("<script>", { exact: false }).first().waitFor();
  assert.deepEqual(jobs.faults.concat(workers.faults), []);
});

test("a shard that failed runs again from the page, and one that is done is replayed", async () => {
  const [bad, out] = [join(cluster.folder, "bad"), join(cluster.folder, "bad-dataset")];
  const small = ["--points", "200000", "--orgs", "4", "--seed", "9"];
  assert.equal((await cluster.tailor("gen", "--out", bad, ...small, "--plant", "torn-frame")).code, 0);
  const ended = await cluster.tailor("job", "submit", "--job", "torn", "--input", bad, "--dataset", out, "--wait");
  assert.notEqual(ended.code, 0, "a torn frame fails its shard");
  const at = await serving();
  const page = await open(browser, cluster.url(at, "jobs/torn"));
  await page.getByText(/Not complete: |Failed after /).first().waitFor();
  await page.locator(".cell.s-failed").first().waitFor();
  await picture(page, "job-failed");

  // The segment is repaired: the same seed without damage has the same files.
  const good = await cluster.tailor("gen", "--out", join(cluster.folder, "good"), ...small);
  assert.equal(good.code, 0, good.stderr);
  cpSync(join(cluster.folder, "good"), bad, { recursive: true, force: true });
  await page.getByText("Run failed and cancelled shards again").first().click();
  await page.getByLabel(/^Type/).fill("wrong");
  await page.getByLabel(/^Reason/).fill("the segment is repaired");
  page.faults.length = 0;
  await page.getByRole("button", { name: "Run failed and cancelled shards again" }).click();
  await page.getByText("nothing was changed").waitFor();
  assert.ok(page.faults.every((fault) => fault.includes("400")), page.faults.join());
  await page.goBack();
  await page.getByText("Run failed and cancelled shards again").first().click();
  await page.getByLabel(/^Type/).fill("torn");
  await page.getByLabel(/^Reason/).fill("the segment is repaired");
  await page.getByRole("button", { name: "Run failed and cancelled shards again" }).click();
  await page.getByText(/Complete: /).first().waitFor();

  await page.locator(".cell.s-done").first().click();
  await page.getByText("Replay this shard into a new version").first().click();
  const { shard } = await cluster.json(at, new URL(page.url()).pathname.replace("/ui/", ""));
  await page.getByLabel(/^Type/).fill(shard);
  await page.getByLabel(/^Reason/).fill("rehearsal");
  await page.getByRole("button", { name: "Replay this shard into a new version" }).click();
  await page.getByRole("heading", { level: 1, name: "torn-r1" }).waitFor();
  await page.getByText(/Complete: /).first().waitFor();
  await picture(page, "job-replayed");
});

test("a window has a hole, and is complete for an organisation, whose shard the page names", async () => {
  const at = await serving();
  const page = await open(browser, cluster.url(at, "jobs/nightly"));
  await page.getByRole("link", { name: "Coverage of its window" }).click();
  await page.getByText(/is not complete: 12 of 13 shards are complete, 1 with holes/).waitFor();
  await check(page, "the coverage of a window");
  await page.getByLabel("Organisation").fill("7");
  await page.getByRole("button", { name: "Show" }).click();
  await page.getByText(/is complete for organisation 7: shard org-mod-07 v1 has all of its plan/).waitFor();
  await page.getByText("7 modulo 64 is 7").waitFor();
  await check(page, "the coverage of an organisation");
  await page.getByRole("link", { name: "C v1: complete" }).click();
  await page.getByRole("heading", { level: 1, name: "org-mod-07 of nightly" }).waitFor();
  assert.deepEqual(page.faults, []);
});

test("every view is whole in light and in dark, and on a phone", async () => {
  const again = await submit("second", "--wait");
  assert.equal(again.code, 0, again.stderr);
  const at = await serving();
  // The shard with the most tasks: those that were tried twice come first.
  const { shards } = await cluster.json(at, "jobs/nightly");
  const largest = shards.sort((a, b) => b.attempts - a.attempts)[0].shard;
  const shardPath = `jobs/nightly/shards/${largest}`;
  const { tasks, stream } = await cluster.json(at, shardPath);
  assert.ok(stream.slots.length > 0, "an ended shard shows who ran what");
  const views = {
    jobs: "", job: "jobs/nightly", shard: shardPath, task: `${shardPath}/tasks/${tasks[0].task}`,
    compare: "jobs/nightly/vs/second", cost: "jobs/nightly/cost",
    coverage: `coverage?dataset=${encodeURIComponent(dataset())}`, trouble: "trouble", workers: "workers",
  };
  for (const colorScheme of ["light", "dark"]) {
    for (const [name, path] of Object.entries(views)) {
      const page = await open(browser, cluster.url(at, path), { colorScheme });
      await check(page, `${name}, ${colorScheme}`);
      await picture(page, `${name}-${colorScheme}`);
      await page.setViewportSize({ width: 360, height: 740 });
      await check(page, `${name}, ${colorScheme}, on a phone`);
      await page.context().close();
    }
  }
});

test("an ended task tells its attempts, and leads to their traces", async () => {
  const at = await serving();
  // No leader was lost during this job, so its event log is whole.
  const page = await open(browser, cluster.url(at, "jobs/second"));
  await page.locator("#events").getByText("ended").first().waitFor();
  await page.locator("#shards th a").first().click();
  await page.locator("#stream rect").first().waitFor();
  await page.locator("#tasks th a").first().click();
  await page.getByText("Its shard has ended").waitFor();
  await page.locator("#attempts").getByText("counts").first().waitFor();
  const { attempts, unknown } = await cluster.json(at, new URL(page.url()).pathname.replace("/ui/", ""));
  assert.ok(attempts.length > 0 && unknown.length === 0, JSON.stringify(unknown));
  const { trace_id: id } = attempts[0];
  const link = page.getByRole("link", { name: id });
  assert.equal(await link.getAttribute("href"), `https://traces.example.com/trace/${id}`);
  assert.deepEqual(page.faults, []);
});

test("a change keeps what is typed, opened and focused; the keyboard reaches everything; scripts are not needed", async () => {
  const at = await serving();
  const page = await open(browser, cluster.url(at, "workers"));
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.className), "skip", "the first stop skips the navigation");
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement.id), "main");

  const submitted = await submit("third", "--split-size", "64KiB", "--partition-size", "64KiB", "--reason", "why ".repeat(200));
  assert.equal(submitted.code, 0, submitted.stderr);
  const job = await open(browser, cluster.url(at, "jobs/third"));
  const reason = job.locator("details#reason");
  await reason.locator("summary").click();
  await job.getByLabel("Compare with job").fill("nightl");
  await job.getByText(/Complete: /).first().waitFor();
  assert.equal(await reason.getAttribute("open"), "", "what was opened stays open");
  assert.equal(await job.getByLabel("Compare with job").inputValue(), "nightl");
  await job.keyboard.type("y");
  assert.equal(await job.getByLabel("Compare with job").inputValue(), "nightly", "the focus stays, too");
  await job.keyboard.press("Enter");
  await job.getByRole("heading", { level: 1, name: "third against nightly" }).waitFor();
  await job.getByText(/have the same content in both/).waitFor();

  const plain = await open(browser, cluster.url(at, "jobs/nightly"), { javaScriptEnabled: false });
  await plain.getByText(/Complete: /).first().waitFor();
  assert.deepEqual(page.faults.concat(job.faults, plain.faults), []);
});

test("a job without a worker is trouble, and the page says for what it waits", async () => {
  const at = await serving();
  const page = await open(browser, cluster.url(at, "trouble"));
  await page.getByText("Nothing waits, nothing is tried again").waitFor();
  await mark(page);
  for (const worker of ["w0", "w2"]) cluster.kill(worker);
  await until("no worker", async () => (await cluster.json(at, "workers")).count === 0);
  const submitted = await submit("stranded");
  assert.equal(submitted.code, 0, submitted.stderr);
  await page.getByText("workers: none is there").first().waitFor();
  assert.ok(await isMarked(page), "the page was not reloaded");
  await check(page, "trouble");
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    await picture(page, `trouble-${colorScheme}`);
  }
  assert.deepEqual(page.faults, []);
});
