// Makes one file of a handler and all that it imports, with esbuild: `node bundle.mjs TOOLS FOLDER FILE OUT`. What a module asks about its own
// place (`__dirname`, `import.meta.url`) is answered as if it lay below /var/task where it lies in the function's folder. Besides the file
// and its map, OUT/modules.json says which modules were taken, and of those which ask for their place.

import { readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const [tools, given, file, out] = process.argv.slice(2);
const { build } = createRequire(`${path.resolve(tools)}/`)('esbuild');
const [folder, outfile] = [realpathSync(given), path.resolve(out, 'index.js')];
/** Below the folder; what lies elsewhere, such as packages of a workspace, stands beside it. */
const below = (place) => path.relative(folder, place).replace(/^(\.\.\/)+/, '');

const ASKS = /\b__(?:dir|file)name\b|\bimport\.meta\.(?:url|dirname|filename)\b/;
const LOADERS = { '.ts': 'ts', '.mts': 'ts', '.cts': 'ts', '.tsx': 'tsx', '.jsx': 'jsx' };
const asking = [];

function answered(own, text) {
  const place = `/var/task/${below(own)}`;
  const values = { url: pathToFileURL(place).href, filename: place, dirname: path.dirname(place) };
  const named = text.replace(/\bimport\.meta\.(url|dirname|filename)\b/g, (_, member) => JSON.stringify(values[member]));
  // A module that has such a name itself, made of `import.meta.url`, keeps it.
  const isOpen = (name) =>
    new RegExp(`\\b${name}\\b`).test(named) && !new RegExp(`(?<!declare )\\b(?:const|let|var)\\b[^;=]*\\b${name}\\b`).test(named);
  const names = ['filename', 'dirname'].filter((name) => isOpen(`__${name}`));
  const variables = names.map((name) => `__${name}=${JSON.stringify(values[name])}`);
  // In the first line, so that no line of the map moves.
  return variables.length === 0 ? named : named.replace(/^(?:#!.*\n)?/, (script) => `${script}var ${variables.join(',')};`);
}

const places = {
  name: 'places',
  setup(building) {
    building.onLoad({ filter: /\.[cm]?[jt]sx?$/ }, ({ path: own }) => {
      const text = readFileSync(own, 'utf8');
      if (!ASKS.test(text)) return undefined;
      asking.push(below(own));
      return { contents: answered(own, text), loader: LOADERS[path.extname(own)] ?? 'js' };
    });
  },
};

const made = await build({
  // The same files make the same bytes wherever they lie.
  absWorkingDir: folder, entryPoints: [`./${file}`], outfile, bundle: true, write: false, metafile: true, plugins: [places],
  format: 'cjs', platform: 'node', target: 'es2022', charset: 'utf8', logLevel: 'warning', external: ['shardmill'],
  // Async functions become generators over the runtime's own promises.
  supported: { 'async-await': false, 'async-generator': false, 'for-await': false },
  // Says where what fails was written; read then only.
  sourcemap: 'external', sourcesContent: false,
}).catch(() => process.exit(1));
for (const { path: name, text } of made.outputFiles) {
  if (!name.endsWith('.map')) {
    writeFileSync(outfile, text);
    continue;
  }
  const map = JSON.parse(text);
  map.sources = map.sources.map((source) => below(path.resolve(path.dirname(outfile), source)));
  writeFileSync(`${outfile}.map`, JSON.stringify(map));
}
const modules = Object.keys(made.metafile.inputs).map((input) => path.relative(folder, path.resolve(folder, input)));
writeFileSync(path.join(out, 'modules.json'), JSON.stringify({ modules, asking }));
