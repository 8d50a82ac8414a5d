/** GETs of the paths as they go on the wire, as small as an HTTP client sends them. */
export function plainRequests(paths: readonly string[], host: string): string[] {
  return paths.map((path) => `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
}
