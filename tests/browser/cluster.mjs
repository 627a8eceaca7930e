// Cluster of real processes for the browser: two coordinators and three workers over the etcd of the tests, on this machine alone.

import { spawn, execFile } from "node:child_process";
import { createWriteStream, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const tailor = process.env.TAILOR_TEST_BINARY;
const etcd = process.env.TAILOR_TEST_ETCD_ENDPOINTS;

// Finds a port that is free now.
const freePort = () =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });

// Asks until the answer is true: a slow machine takes longer, so there is a limit, and nothing is judged by time.
export const until = async (what, ask, limitMs = 120_000) => {
  const end = Date.now() + limitMs;
  for (;;) {
    const answer = await ask().catch(() => undefined);
    if (answer) return answer;
    if (Date.now() > end) throw new Error(`${what}: not within ${limitMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
};

// Traces for a collector that is not there: attempts have ids, and nobody waits for it.
const TRACES = ["--trace-endpoint", "http://127.0.0.1:1", "--trace-sample-ratio", "1"];

export class Cluster {
  static async start(logs) {
    const cluster = new Cluster();
    cluster.folder = mkdtempSync(join(tmpdir(), "tailor-browser-"));
    cluster.logs = logs;
    mkdirSync(logs, { recursive: true });
    cluster.processes = new Map();
    cluster.grpc = [await freePort(), await freePort()];
    cluster.http = [await freePort(), await freePort()];
    for (const at of [0, 1]) {
      cluster.serve(`c${at}`, [
        "coordinator", "--name", `c${at}`, "--grpc-listen", `127.0.0.1:${cluster.grpc[at]}`,
        "--http-listen", `127.0.0.1:${cluster.http[at]}`, "--lease-ttl", "3s", "--dashboard-actions", "true",
        "--dashboard-trace-url", "https://traces.example.com/trace/{trace_id}", ...TRACES,
      ]);
    }
    for (const at of [0, 1, 2]) {
      cluster.serve(`w${at}`, [
        "worker", "--name", `w${at}`, "--coordinators", cluster.coordinators, "--slots", "1", "--memory", "64MiB",
        "--lease-ttl", "4s", "--scratch-dir", join(cluster.folder, `w${at}`), ...TRACES,
        "--http-listen", `127.0.0.1:${await freePort()}`,
      ]);
    }
    await until("three workers", async () => (await cluster.json(0, "workers")).count === 3);
    return cluster;
  }

  get coordinators() {
    return this.grpc.map((port) => `http://127.0.0.1:${port}`).join(",");
  }

  url(at, path = "") {
    return `http://127.0.0.1:${this.http[at]}/ui/${path}`;
  }

  serve(name, args) {
    const environment = { ...process.env, TAILOR_ETCD_ENDPOINTS: etcd, TAILOR_ETCD_NAMESPACE: `/browser-${process.pid}/` };
    const child = spawn(tailor, args, { env: environment, stdio: ["ignore", "ignore", "pipe"] });
    child.stderr.pipe(createWriteStream(join(this.logs, `${name}.log`)));
    this.processes.set(name, child);
  }

  kill(name) {
    this.processes.get(name).kill("SIGKILL");
    this.processes.delete(name);
  }

  // Runs a command of an operator; its exit code is returned where it is not 0.
  async tailor(...args) {
    const environment = { ...process.env, TAILOR_COORDINATORS: this.coordinators };
    try {
      const { stdout } = await run(tailor, args, { env: environment });
      return { code: 0, stdout };
    } catch (error) {
      if (typeof error.code !== "number") throw error;
      return { code: error.code, stdout: error.stdout, stderr: error.stderr };
    }
  }

  // Returns the JSON twin of a page.
  async json(at, path) {
    const answer = await fetch(`${this.url(at, path)}?format=json`);
    return answer.json();
  }

  // Returns the number of the coordinator that leads.
  async leader() {
    const { cluster } = await this.json(0, "");
    return Number(cluster.leader.slice(1));
  }

  stop() {
    for (const child of this.processes.values()) child.kill("SIGKILL");
    rmSync(this.folder, { recursive: true, force: true });
  }
}
