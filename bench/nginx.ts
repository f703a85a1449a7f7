import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { choosePort } from '../sandbox/demo/ports.js'
import { cookieOfStranger, type Running, type Stage } from './contestant.js'
import { accepting, spawnPinned } from './processes.js'
import { accessToken } from './provider.js'

/** nginx as a bare proxy with a static header: no login, no log. One process. */
export async function startNginx ({ tenant, caFile, folder }: Stage): Promise<Running | string> {
  if (!existsSync('/usr/sbin/nginx')) return 'nginx is missing (Debian package nginx)'
  const port = await choosePort(0)
  const file = join(folder, 'nginx.conf')
  // A location that sets one header inherits none.
  const headers = `proxy_set_header Cookie ""; proxy_set_header Authorization "Bearer ${accessToken}";`
  const [scheme, tls] = tenant.tls
    ? ['https', [
        `proxy_ssl_trusted_certificate ${caFile};`,
        'proxy_ssl_verify on; proxy_ssl_name localhost; proxy_ssl_server_name on; proxy_ssl_protocols TLSv1.2 TLSv1.3;'
      ].join(' ')]
    : ['http', '']
  await writeFile(file, `
daemon off;
master_process off;
error_log stderr crit;
pid ${folder}/nginx.pid;
worker_rlimit_nofile 32768;
events { worker_connections 16384; }
http {
  access_log off;
  keepalive_requests 1000000000;
  large_client_header_buffers 8 16k;
  client_max_body_size 0;
  client_body_temp_path ${folder}/nginx-body;
  proxy_temp_path ${folder}/nginx-proxy;
  fastcgi_temp_path ${folder}/nginx-fastcgi;
  uwsgi_temp_path ${folder}/nginx-uwsgi;
  scgi_temp_path ${folder}/nginx-scgi;
  upstream tenant { server 127.0.0.1:${tenant.port}; keepalive 256; keepalive_requests 1000000000; }
  server {
    listen 127.0.0.1:${port} backlog=1024;
    proxy_http_version 1.1;
    ${tls}
    proxy_request_buffering off;
    proxy_max_temp_file_size 0;
    location / { proxy_pass ${scheme}://tenant; ${headers} proxy_set_header Connection ""; }
    location /app/ {
      proxy_pass ${scheme}://tenant;
      ${headers}
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection "upgrade";
    }
  }
}
`)
  const child = spawnPinned('/usr/sbin/nginx', ['-p', folder, '-c', file])
  await accepting(child, port)
  return { port, child, sessions: [cookieOfStranger()] }
}
