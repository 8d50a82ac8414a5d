import type { Finding } from './finding.ts'
import type { ImportGraph } from './imports.ts'
import { isTest } from './source-tree.ts'

/** What a folder of src/ may import: folders of ours, packages, and which of node's modules (undefined: any). */
interface Layer {
  readonly folders: readonly string[]
  readonly packages: readonly string[]
  readonly node?: readonly string[]
}

const BELOW_GATEWAY = ['base', 'config', 's3', 'signals', 'cache', 'origin', 'http']

/** The arrows of ARCHITECTURE.md, "Folders". A folder may always import itself. */
const LAYERS: Readonly<Record<string, Layer>> = {
  base: { folders: [], packages: [] },
  config: { folders: ['base'], packages: ['yaml', 'zod'] },
  s3: { folders: ['base'], packages: ['fast-xml-parser'], node: ['node:crypto', 'node:module', 'node:zlib'] },
  signals: { folders: ['base'], packages: ['pprof-format'] },
  cache: { folders: ['base'], packages: [] },
  http: { folders: ['base'], packages: [] },
  origin: { folders: ['base', 'config', 's3'], packages: ['@aws-sdk/credential-provider-node', 'fast-xml-parser', 'undici'] },
  gateway: { folders: BELOW_GATEWAY, packages: ['fast-xml-parser'] },
  admin: { folders: [...BELOW_GATEWAY, 'gateway'], packages: ['@hono/node-server', 'hono', 'zod'] },
}

/** Every import of product code that points upwards, sideways, or at a package that has no business there. */
export function checkLayers(graph: ImportGraph): Finding[] {
  return [...graph].flatMap(([file, imports]) => {
    const from = folderOf(file)
    const layer = from === undefined ? undefined : LAYERS[from]
    if (from === undefined || layer === undefined || isTest(file)) return []
    return imports.flatMap((found) => {
      const wrong = found.target === undefined ? wrongPackage(found.specifier, layer) : wrongFolder(found.target, { from, layer })
      return wrong === undefined ? [] : [{ file, line: found.line, message: `src/${from} may not import ${found.specifier}: ${wrong}` }]
    })
  })
}

/** The folder under src/; undefined for files outside and for the composition root. */
export function folderOf(file: string): string | undefined {
  return /^src\/([^/]+)\//.exec(file)?.[1]
}

function wrongFolder(target: string, { from, layer }: { from: string; layer: Layer }): string | undefined {
  const to = folderOf(target)
  if (to === from || (to !== undefined && layer.folders.includes(to))) return undefined
  return `wanted only ${[from, ...layer.folders].map((folder) => `src/${folder}`).join(', ')}`
}

function wrongPackage(specifier: string, layer: Layer): string | undefined {
  if (specifier.startsWith('node:')) {
    return layer.node === undefined || layer.node.includes(specifier) ? undefined : `wanted only ${layer.node.join(', ')} of node`
  }
  const name = specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
  if (layer.packages.includes(name)) return undefined
  return layer.packages.length === 0 ? 'wanted no package at all' : `wanted only ${layer.packages.join(', ')}`
}
