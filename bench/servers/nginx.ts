import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import type { Identity } from './identity.ts'
import { benchServer, freePort, startPinned, type BenchServer } from './server.ts'

/** What nginx serves, with how many workers, and where. */
export interface NginxSetup {
  readonly source:
    | { readonly kind: 'files'; readonly root: string }
    /** Through proxy_cache, from the server at this port of the loopback device. */
    | { readonly kind: 'cache'; readonly originPort: number }
  readonly workers: number
  /** Descriptors and metadata that it keeps at hand. Default 10,000. */
  readonly openFiles?: number
  readonly cpus: string
  readonly identity?: Identity
  readonly workDirectory: string
}

let started = 0

const OPEN_FILES = 10_000

/** nginx as fast as its documentation knows how. */
export async function startNginx(setup: NginxSetup): Promise<BenchServer> {
  const port = await freePort()
  const name = setup.source.kind === 'files' ? 'nginx' : 'nginx proxy_cache'
  const configPath = join(setup.workDirectory, `nginx-${++started}.conf`)
  await writeFile(configPath, nginxConfig(setup, { port, number: started }))
  const command = ['nginx', '-e', 'stderr', '-p', setup.workDirectory, '-c', configPath]
  const path = `${process.env['PATH'] ?? ''}:/usr/local/sbin:/usr/sbin:/sbin`
  const master = await startPinned({ command, cpus: setup.cpus, environment: { PATH: path } }, port)
  return benchServer(name, master, { port, tls: setup.identity !== undefined })
}

/**
 * sendfile with whole packets; descriptors and metadata of all files cached; no log; connections that never have to be opened anew.
 * What is left out (aio, directio, multi_accept) does not matter or hurts for files in memory.
 */
export function nginxConfig(setup: NginxSetup, at: { readonly port: number; readonly number: number }): string {
  const own = (name: string): string => join(setup.workDirectory, `nginx-${at.number}-${name}`)
  // Started by root, nginx would hand its workers to a user who may not read the directory.
  const user = process.getuid?.() === 0 ? 'user root;\n' : ''
  return `${user}worker_processes ${setup.workers};
daemon off;
pid ${own('pid')};
error_log stderr warn;
worker_rlimit_nofile ${(setup.openFiles ?? OPEN_FILES) + 8192};
events {
  worker_connections 8192;
  use epoll;
}
http {
  access_log off;
  sendfile on;
  tcp_nopush on;
  tcp_nodelay on;
  keepalive_timeout 1h;
  keepalive_requests 1000000000;
  open_file_cache max=${setup.openFiles ?? OPEN_FILES} inactive=1h;
  open_file_cache_valid 1h;
  open_file_cache_min_uses 1;
  default_type application/octet-stream;
  server_tokens off;
  client_body_temp_path ${own('body')};
  proxy_temp_path ${own('proxy')};
  fastcgi_temp_path ${own('fastcgi')};
  uwsgi_temp_path ${own('uwsgi')};
  scgi_temp_path ${own('scgi')};
${cacheZone(setup, own('cache'))}  server {
    listen 127.0.0.1:${at.port} backlog=4096${setup.workers > 1 ? ' reuseport' : ''}${setup.identity === undefined ? '' : ' ssl'};
${tlsLines(setup.identity)}${sourceLines(setup)}  }
}
`
}

function cacheZone({ source }: NginxSetup, path: string): string {
  if (source.kind === 'files') return ''
  return `  proxy_cache_path ${path} levels=1:2 keys_zone=objects:16m max_size=4g inactive=1h use_temp_path=off;\n`
}

/** One protocol and one suite, so that both servers encrypt alike; the benchmark checks that the others agree on the same. */
function tlsLines(identity: Identity | undefined): string {
  if (identity === undefined) return ''
  return `    ssl_certificate ${identity.certificate};
    ssl_certificate_key ${identity.key};
    ssl_protocols TLSv1.3;
    ssl_conf_command Ciphersuites TLS_AES_256_GCM_SHA384;
    ssl_session_cache shared:tls:4m;
`
}

function sourceLines({ source }: NginxSetup): string {
  if (source.kind === 'files') return `    root ${source.root};\n`
  return `    location / {
      proxy_pass http://127.0.0.1:${source.originPort};
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_cache objects;
      proxy_cache_key $uri;
      proxy_cache_valid 200 1h;
      add_header Cache-Status "nginx; $upstream_cache_status";
    }
`
}
