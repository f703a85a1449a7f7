#!/usr/bin/env node
import module from 'node:module'
import { dispatch } from './commands/dispatch.js'

// Node 22 and later keep compiled code where there is a folder for temporary files: half of a start.
/* c8 ignore next: Node 20 does not have it. */
(module as { enableCompileCache?: () => unknown }).enableCompileCache?.()

process.exitCode = await dispatch(process.argv.slice(2), {
  env: process.env,
  out: text => { process.stdout.write(text) },
  err: text => { process.stderr.write(text) }
})
