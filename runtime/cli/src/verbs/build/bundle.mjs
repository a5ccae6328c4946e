// Makes one file of a handler and all that it imports, with esbuild: `node bundle.mjs TOOLS FOLDER FILE OUT`. What a module asks about its own
// place (`__dirname`, `import.meta.url`) is answered as if it lay below /var/task where it lies in the function's folder. Besides the file
// and its map, OUT/modules.json says which modules were taken, and of those which ask for their place.

import { readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { builtinModules, createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const [tools, given, file, out] = process.argv.slice(2);
const { build, formatMessagesSync } = createRequire(`${path.resolve(tools)}/`)('esbuild');
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

/** What a package asks for and might not need is missing when it is asked for, as in Node, and not before. */
const optional = {
  name: 'optional',
  setup(building) {
    building.onResolve({ filter: /^[^./]/ }, async ({ path: name, importer, kind, resolveDir, pluginData }) => {
      if (pluginData === optional || kind === 'entry-point' || kind === 'import-statement' || !importer.includes('/node_modules/')) return undefined;
      const found = await building.resolve(name, { importer, kind, resolveDir, pluginData: optional });
      return found.errors.length > 0 ? { path: name, external: true } : undefined;
    });
  },
};

const common = {
  // The same files make the same bytes wherever they lie.
  absWorkingDir: folder, bundle: true, write: false, platform: 'node', charset: 'utf8', logLevel: 'warning',
};
// Async functions become generators over the runtime's own promises, and what is imported later is asked for then.
const older = { target: 'es2022', supported: { 'async-await': false, 'async-generator': false, 'for-await': false, 'dynamic-import': false } };

/** Modules that are there already, by a name that nobody else has. */
const builtIn = {
  name: 'built-in',
  setup(building) {
    building.onResolve({ filter: /^(?:node:.*|shardmill)$/ }, ({ path: name }) => ({ path: name, namespace: 'built-in' }));
    building.onResolve({ filter: new RegExp(`^(?:${builtinModules.join('|')})$`) }, ({ path: name }) => ({ path: name, namespace: 'built-in' }));
    building.onLoad({ filter: /.*/, namespace: 'built-in' }, ({ path: name }) => ({ contents: `module.exports = __builtIn(${JSON.stringify(name)});`, loader: 'js' }));
  },
};

/** A module that awaits outside of functions becomes an async function whose promise is what it exports. */
async function awaited() {
  const whole = await build({
    ...common, stdin: { contents: `import * as all from ${JSON.stringify(`./${file}`)}; __exports(all);`, resolveDir: folder, sourcefile: 'entry' }, outfile, metafile: true,
    plugins: [places, builtIn, optional], format: 'esm', target: 'esnext', sourcemap: 'inline', sourcesContent: false,
  });
  const [{ text }] = whole.outputFiles;
  const mark = '//# sourceMappingURL=';
  const at = text.lastIndexOf(mark);
  const [code, map] = [text.slice(0, at), text.slice(at + mark.length)];
  // In the first line, so that no line of the map moves.
  const contents = `module.exports = (async () => { let __all; const __exports = (all) => void (__all = all), __builtIn = require; ${code}
return __all; })();\n//# sourceMappingURL=${map}`;
  const made = await build({ ...common, ...older, bundle: false, stdin: { contents, resolveDir: path.dirname(outfile), sourcefile: path.join(path.dirname(outfile), 'whole.js') }, outfile, format: 'cjs', sourcemap: 'external', sourcesContent: false });
  return { ...made, metafile: whole.metafile };
}

/** An error of esbuild by itself stands on standard error already. */
const failed = () => process.exit(1);
const made = await build({
  ...common, ...older, entryPoints: [`./${file}`], outfile, metafile: true, plugins: [places, optional], format: 'cjs', external: ['shardmill'],
  // Says where what fails was written; read then only.
  sourcemap: 'external', sourcesContent: false, logLevel: 'silent',
}).catch((error) => {
  const said = error.errors ?? [];
  if (said.length > 0 && said.every(({ text }) => text.startsWith('Top-level await'))) return awaited().catch(failed);
  for (const line of formatMessagesSync(said, { kind: 'error', color: false })) process.stderr.write(line);
  return failed();
});
for (const { path: name, text } of made.outputFiles) {
  if (!name.endsWith('.map')) {
    writeFileSync(outfile, text);
    continue;
  }
  const map = JSON.parse(text);
  map.sources = map.sources.map((source) => below(path.resolve(path.dirname(outfile), source)));
  writeFileSync(`${outfile}.map`, JSON.stringify(map));
}
const modules = Object.keys(made.metafile.inputs).filter((input) => !/^(?:built-in:|entry$|<stdin>)/.test(input)).map((input) => path.relative(folder, path.resolve(folder, input)));
writeFileSync(path.join(out, 'modules.json'), JSON.stringify({ modules, asking }));
