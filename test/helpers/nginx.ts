import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { runServer } from './server-process.js'

/** Runs the nginx of this machine with the content of an http block, until the test ends; resolves once the origin answers. */
export async function startNginx (t: Test, origin: string, http: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'gateway-nginx-'))
  t.teardown(() => { rmSync(folder, { recursive: true }) })
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(name => `${name}_temp_path ${folder}/${name};`).join('\n')
  writeFileSync(
    `${folder}/nginx.conf`,
    `daemon off;\nmaster_process off;\npid ${folder}/pid;\nevents {}\nhttp {\naccess_log off;\n${temporary}\n${http}\n}\n`
  )
  await runServer(t, origin, ['nginx', '-p', folder, '-e', 'stderr', '-c', `${folder}/nginx.conf`], 'apt-get install nginx-light')
}

/** deploy/nginx as it is, but for where the site listens and the gateway is. */
export async function startSite (t: Test, port: number, gateway: string): Promise<void> {
  const site = readFileSync('deploy/nginx/site.conf', 'utf8')
  const pages = t.testdir({ 'index.html': 'the site', 'apply.html': 'the site', 'signed-in': { 'page.html': 'for users' } })
  const changed = site
    .replace('listen 80;', `listen 127.0.0.1:${port};`)
    .replace('server gateway:3000;', `server 127.0.0.1:${new URL(gateway).port};`)
    .replace('include gateway.conf;', `include ${process.cwd()}/deploy/nginx/gateway.conf;`)
    .replace('# include check.conf;', `include ${process.cwd()}/deploy/nginx/check.conf;`)
    .replace('root /usr/share/nginx/html;', `root ${pages};`)
  t.equal(changed.split('\n').filter(line => !site.includes(line)).length, 5)
  await startNginx(t, `http://127.0.0.1:${port}`, changed)
}
