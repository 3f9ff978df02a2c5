// Builds the browser's files.
//
//   node build.mjs [DIR]   widget.js and the demo page, into DIR (default: dist)
//   node build.mjs test    the unit tests, and runs them
//
// The bundle has no framework and fetches nothing. Style sheets that a script
// imports become strings, which the page adopts: no inline style is needed.

import { spawnSync } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build, transform } from 'esbuild';

const root = fileURLToPath(new URL('.', import.meta.url));

// The oldest browsers that have constructable style sheets and ICE restarts.
const target = ['chrome111', 'firefox113', 'safari16.4'];

const sheets = {
  name: 'sheets',
  setup({ onLoad }) {
    onLoad({ filter: /\.css$/ }, async ({ path }) => {
      const { code } = await transform(await readFile(path, 'utf8'), { loader: 'css', minify: true, target });
      return { contents: code.trim(), loader: 'text' };
    });
  },
};

const script = { bundle: true, minify: true, format: 'iife', target, legalComments: 'none', charset: 'utf8', plugins: [sheets] };

async function bundle(dist) {
  await mkdir(dist, { recursive: true });
  await build({ ...script, entryPoints: [join(root, 'src/widget.ts')], outfile: join(dist, 'widget.js') });
  await build({ ...script, entryPoints: [join(root, 'demo/demo.ts')], outfile: join(dist, 'demo.js') });
  await build({ entryPoints: [join(root, 'demo/demo.css')], minify: true, target, outfile: join(dist, 'demo.css') });
  for (const name of ['demo.html', 'icon.svg']) await copyFile(join(root, 'demo', name), join(dist, name));
  const size = gzipSync(await readFile(join(dist, 'widget.js')), { level: 9 }).length;
  console.log(`widget.js: ${(size / 1024).toFixed(1)} KiB gzip`);
}

async function test() {
  const tests = (await readdir(join(root, 'src'), { recursive: true })).filter((name) => name.endsWith('.test.ts'));
  await mkdir(join(root, 'node_modules/.cache'), { recursive: true });
  const outdir = await mkdtemp(join(root, 'node_modules/.cache/sidetone-'));
  try {
    await build({
      entryPoints: tests.map((name) => join(root, 'src', name)),
      outdir,
      outExtension: { '.js': '.mjs' },
      bundle: true,
      platform: 'node',
      format: 'esm',
      sourcemap: 'inline',
      plugins: [sheets],
    });
    const built = (await readdir(outdir, { recursive: true })).filter((name) => name.endsWith('.mjs'));
    const files = built.map((name) => join(outdir, name));
    const { status } = spawnSync(process.execPath, ['--enable-source-maps', '--test', ...files], { stdio: 'inherit' });
    process.exitCode = status ?? 1;
  } finally {
    await rm(outdir, { recursive: true });
  }
}

const [what = join(root, 'dist')] = process.argv.slice(2);
await (what === 'test' ? test() : bundle(what));
