import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { processTree } from './proc-stat.ts'
import { freePort, startPinned, stopProcess, type BenchServer } from './server.ts'

/** Where nginx finds what it serves, and where it may write. */
export interface NginxPaths {
  /** Files are served from here, by their path. */
  readonly root: string
  readonly workDirectory: string
}

/** nginx serving static files with one worker, as fast as its documentation knows how. */
export async function startNginx(paths: NginxPaths, cpu: number): Promise<BenchServer> {
  const port = await freePort()
  const configPath = join(paths.workDirectory, 'nginx.conf')
  await writeFile(configPath, nginxConfig(paths, port))
  const command = ['nginx', '-e', 'stderr', '-p', paths.workDirectory, '-c', configPath]
  const path = `${process.env['PATH'] ?? ''}:/usr/local/sbin:/usr/sbin:/sbin`
  const master = await startPinned({ command, cpu, environment: { PATH: path } }, port)
  const pid = master.pid
  if (pid === undefined) throw new Error('Cannot start nginx: it has no process id')
  return {
    name: 'nginx',
    host: '127.0.0.1',
    port,
    pids: () => processTree(pid),
    stop: () => stopProcess(master, 'SIGTERM'),
  }
}

/**
 * One worker; sendfile with whole packets; descriptors and metadata of all files cached; no log; connections that never have to be
 * opened anew. What is left out (aio, directio, multi_accept) does not matter or hurts for files in memory.
 */
function nginxConfig(paths: NginxPaths, port: number): string {
  const own = (name: string): string => join(paths.workDirectory, name)
  // Started by root, nginx would hand its worker to a user who may not read the directory.
  const user = process.getuid?.() === 0 ? 'user root;\n' : ''
  return `${user}worker_processes 1;
daemon off;
pid ${own('nginx.pid')};
error_log stderr warn;
events {
  worker_connections 4096;
  use epoll;
}
http {
  access_log off;
  sendfile on;
  tcp_nopush on;
  tcp_nodelay on;
  keepalive_timeout 1h;
  keepalive_requests 1000000000;
  open_file_cache max=10000 inactive=1h;
  open_file_cache_valid 1h;
  open_file_cache_min_uses 1;
  default_type application/octet-stream;
  server_tokens off;
  client_body_temp_path ${own('nginx-body')};
  proxy_temp_path ${own('nginx-proxy')};
  fastcgi_temp_path ${own('nginx-fastcgi')};
  uwsgi_temp_path ${own('nginx-uwsgi')};
  scgi_temp_path ${own('nginx-scgi')};
  server {
    listen 127.0.0.1:${port} backlog=4096;
    root ${paths.root};
  }
}
`
}
