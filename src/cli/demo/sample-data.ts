import { mkdir, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'

import { SAMPLE_BUCKETS, sampleContent, type SampleObject, type SamplePlan } from './sample-plan.ts'

/** What `ensureSampleData` found and did. */
export interface SampleDataResult {
  /** Objects that were there already, with the right size. */
  readonly reused: number
  readonly written: number
}

/** Lies beside the bucket directories and says whose they are. A file is not a bucket to the directory origin. */
export const SAMPLE_MANIFEST = '.hotbucket-sample.json'

/** The format of the content; a new number makes old directories be written anew. */
const SAMPLE_VERSION = 1
const WRITERS = 4
const WRITE_BYTES = 1024 ** 2

interface Manifest {
  readonly version: number
  readonly seed: number
  readonly objects: number
  readonly totalBytes: number
}

/**
 * Makes the directory hold the planned objects, as `<directory>/<bucket>/<key>`. What is there from an earlier run of the same
 * plan is kept; each object appears whole or not at all, so an interrupted run is taken up where it ended. Throws where
 * the directory holds buckets of these names that were not made here: they are somebody's data.
 */
export async function ensureSampleData(
  directory: string,
  plan: SamplePlan,
  onWritten?: (bytes: number) => void,
): Promise<SampleDataResult> {
  await mkdir(directory, { recursive: true })
  const manifest: Manifest = {
    version: SAMPLE_VERSION,
    seed: plan.seed,
    objects: plan.objects.length,
    totalBytes: plan.totalBytes,
  }
  if (!(await belongsToPlan(directory, manifest))) await claim(directory, manifest)
  let reused = 0
  let written = 0
  const queue = plan.objects.values()
  const writer = async (temporary: string): Promise<void> => {
    for (const object of queue) {
      if (await hasSize(join(directory, object.bucket, object.key), object.sizeBytes)) {
        reused++
        continue
      }
      await writeObject(directory, temporary, plan.seed, object)
      written++
      onWritten?.(object.sizeBytes)
    }
  }
  await Promise.all(Array.from({ length: WRITERS }, (_, i) => writer(join(directory, `.hotbucket-sample-${process.pid}-${i}.tmp`))))
  return { reused, written }
}

/** True where the directory holds this very plan, complete or in part. */
async function belongsToPlan(directory: string, manifest: Manifest): Promise<boolean> {
  const text = await readManifest(directory)
  return text === renderManifest(manifest)
}

/** Takes the directory for a plan: clears what an earlier plan left, and writes the manifest before the first object. */
async function claim(directory: string, manifest: Manifest): Promise<void> {
  const ours = (await readManifest(directory)) !== undefined
  for (const bucket of SAMPLE_BUCKETS) {
    const path = join(directory, bucket)
    if (!ours && (await exists(path))) {
      throw new Error(`Cannot write sample data to "${directory}": "${bucket}" is there already and was not made by the demo`)
    }
    await rm(path, { recursive: true, force: true })
  }
  await writeFile(join(directory, SAMPLE_MANIFEST), renderManifest(manifest))
}

async function writeObject(directory: string, temporary: string, seed: number, object: SampleObject): Promise<void> {
  const path = join(directory, object.bucket, object.key)
  try {
    await writeContent(temporary, seed, object)
    await mkdir(dirname(path), { recursive: true })
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}

async function writeContent(path: string, seed: number, object: SampleObject): Promise<void> {
  const content = sampleContent(seed, object, 0)
  const file = await open(path, 'w')
  try {
    for (let left = object.sizeBytes; left > 0; left -= WRITE_BYTES) await file.writeFile(content(Math.min(left, WRITE_BYTES)))
  } finally {
    await file.close()
  }
}

function renderManifest(manifest: Manifest): string {
  return `${JSON.stringify({ madeBy: 'hotbucket demo', ...manifest })}\n`
}

async function readManifest(directory: string): Promise<string | undefined> {
  return readFile(join(directory, SAMPLE_MANIFEST), 'utf8').catch(() => undefined)
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}

async function hasSize(path: string, sizeBytes: number): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile() && found.size === sizeBytes,
    () => false,
  )
}
