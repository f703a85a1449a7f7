import { expectNoWords, readCall, type Command } from './command.js'

/** `serve`: serves the gateway until the process is told to end. */
export const serveCommand: Command = {
  usage: `qlik-embed-gateway [serve]

Serves the gateway with the settings of the environment; docs/settings.md lists them.
A file of settings is read by Node itself: node --env-file=.env "$(command -v qlik-embed-gateway)"
`,
  async run (words, { env, err }) {
    expectNoWords(readCall(words, {}).positionals)
    const [{ ConfigError }, { readSettings }, { serve }] = await Promise.all([
      import('../settings/config.js'), import('../settings/config-file.js'), import('../serve.js')
    ])
    try {
      await serve(await readSettings(env))
      return 0
    } catch (error) {
      err(`${error instanceof ConfigError ? error.message : `The gateway cannot start: ${(error as Error).message}`}\n`)
      // Redis or the admin listener may be open already, and would keep a process running that serves nobody.
      process.exit(1)
    }
  }
}
