import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'
import type { Test } from 'tap'
import { limitTests } from '../../helpers/chromium.js'
import { reservePort } from '../../helpers/ports.js'
import type { Driver, Tab } from './driver.js'

// WebKitGTK starts in containers and without a graphics card only so.
const environment = { WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: '1', LIBGL_ALWAYS_SOFTWARE: '1', WEBKIT_DISABLE_COMPOSITING_MODE: '1' }
const miniBrowser = process.env.MINIBROWSER_PATH ?? '/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser'

type Call = <Value>(method: 'GET' | 'POST' | 'DELETE', path: string, body?: object) => Promise<Value>

/** Starts the WebKit of the system (webkit2gtk-driver), on a screen that nobody sees. Each profile is a browser of its own. */
export async function driveWebKit (t: Test): Promise<Driver> {
  limitTests(t)
  const screen = spawn('Xvfb', ['-displayfd', '3', '-screen', '0', '1280x1024x24', '-nolisten', 'tcp'], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe']
  })
  stopAtTheEnd(t, screen)
  const [display] = await once(screen.stdio[3] as NodeJS.ReadableStream, 'data') as [Buffer]
  const port = await reservePort()
  const server = spawn('WebKitWebDriver', [`--port=${port}`, '--host=127.0.0.1'], {
    env: { ...process.env, ...environment, DISPLAY: `:${String(display).trim()}` },
    stdio: 'ignore'
  })
  stopAtTheEnd(t, server)
  const call = createCall(`http://127.0.0.1:${port}`)
  while (!await call<{ ready: boolean }>('GET', '/status').then(({ ready }) => ready, () => false)) await wait(20)

  return {
    name: 'WebKit',
    async openProfile (t) {
      const capabilities = {
        alwaysMatch: { acceptInsecureCerts: true, 'webkitgtk:browserOptions': { binary: miniBrowser, args: ['--automation'] } }
      }
      const { sessionId } = await call<{ sessionId: string }>('POST', '/session', { capabilities })
      const inSession: Call = async (method, path, body) => await call(method, `/session/${sessionId}${path}`, body)
      t.teardown(async () => { await inSession('DELETE', '') })
      const first = await inSession<string>('GET', '/window')
      return createProfile(inSession, first)
    }
  }
}

function createProfile (call: Call, first: string) {
  const known = new Map<string, Tab>()
  let turn: Promise<unknown> = Promise.resolve()
  // Commands go to the window that was switched to last: one at a time, with its switch before it.
  const inTurn = async <Value>(act: () => Promise<Value>): Promise<Value> => {
    const mine = turn.then(act)
    turn = mine.catch(() => {})
    return await mine
  }
  const asTab = (handle: string): Tab => {
    const inWindow: Call = async (method, path, body) => await inTurn(async () => {
      await call('POST', '/window', { handle })
      return await call(method, path, body)
    })
    const tab = known.get(handle) ?? createTab(inWindow)
    known.set(handle, tab)
    return tab
  }
  let unused: string | undefined = first
  return {
    async open () {
      // Not a tab: one that is not in front draws nothing.
      const handle = unused ?? (await inTurn(async () => await call<{ handle: string }>('POST', '/window/new', { type: 'window' }))).handle
      unused = undefined
      return asTab(handle)
    },
    tabs: async () => (await inTurn(async () => await call<string[]>('GET', '/window/handles'))).map(asTab)
  }
}

function createTab (call: Call): Tab {
  return {
    goto: async url => await call('POST', '/url', { url }),
    reload: async () => await call('POST', '/refresh', {}),
    goBack: async () => await call('POST', '/back', {}),
    // The switch before a command does it.
    bringToFront: async () => { await call('GET', '/title') },
    async evaluate<Result, Argument> (script: (argument: Argument) => Result | Promise<Result>, argument: Argument) {
      const answer = await call<{ value: Result } | { error: string }>('POST', '/execute/async', {
        script: `const [argument, done] = arguments
          Promise.resolve(argument ?? undefined).then(${script.toString()})
            .then(value => done({ value }), error => done({ error: String(error) + error?.stack }))`,
        args: [argument ?? null]
      })
      if ('error' in answer) throw new Error(answer.error)
      return answer.value
    },
    mouse: {
      async click (x, y) {
        const move = { type: 'pointerMove', duration: 0, origin: 'viewport', x: Math.round(x), y: Math.round(y) }
        const actions = [move, { type: 'pointerDown', button: 0 }, { type: 'pointerUp', button: 0 }]
        await call('POST', '/actions', { actions: [{ type: 'pointer', id: 'mouse', parameters: { pointerType: 'mouse' }, actions }] })
      }
    }
  }
}

function createCall (origin: string): Call {
  return async <Value>(method: string, path: string, body?: object) => {
    const answer = await fetch(origin + path, { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
    const { value } = await answer.json() as { value: Value & { error?: string, message?: string } }
    if (!answer.ok) throw new Error(`WebKitWebDriver: ${value.error} at ${method} ${path}: ${value.message}`)
    return value
  }
}

function stopAtTheEnd (t: Test, child: ChildProcess): void {
  t.teardown(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, 'exit')
    child.kill()
    await exited
  })
}
