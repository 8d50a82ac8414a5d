const UNITS: Readonly<Record<string, number>> = {
  B: 1,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
  TiB: 1024 ** 4,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
}

/** "256MiB", "1.5 GB", "4096": bytes as a whole number, or undefined where it is not a size. */
export function parseByteSize(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*([A-Za-z]*)$/.exec(text.trim())
  if (match === null) return undefined
  const unit = match[2] === '' ? 1 : UNITS[match[2] ?? '']
  if (unit === undefined) return undefined
  const bytes = Number(match[1]) * unit
  return Number.isSafeInteger(Math.round(bytes)) ? Math.round(bytes) : undefined
}

/** Bytes for people: "1.5 MiB"; the exact count below 1 KiB. */
export function formatByteSize(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`
  let value = bytes
  for (const unit of ['KiB', 'MiB', 'GiB', 'TiB']) {
    value /= 1024
    if (value < 1024 || unit === 'TiB') return `${value < 10 ? value.toFixed(2) : value.toFixed(value < 100 ? 1 : 0)} ${unit}`
  }
  return `${bytes} B`
}
