/** Compiles a bucket name or a pattern in which `*` stands for any run of characters. */
export function compilePattern(pattern: string): (name: string) => boolean {
  if (pattern === '*') return () => true
  if (!pattern.includes('*')) return (name) => name === pattern
  const source = pattern.split('*').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  const expression = new RegExp(`^${source.join('.*')}$`, 's')
  return (name) => expression.test(name)
}

/** A key prefix of the configuration as bytes, like the keys it is compared with: its UTF-8 bytes as latin1. */
export function keyPrefix(prefix: string): string {
  return Buffer.from(prefix, 'utf8').toString('latin1')
}
