import { Readable } from 'node:stream'
import { setTimeout as wait } from 'node:timers/promises'
import type { RouteSet } from './resources.js'

interface Prompt { input?: { prompt?: string } }

const pauseMs = 80

/** /api/v1/assistants/{id}/threads/{id}/actions/stream: an answer that is sent word by word, as server-sent events. */
export const addAssistantRoutes: RouteSet = (app, { names }) => {
  app.post<{ Body: Prompt | null }>('/api/v1/assistants/:assistantId/threads/:threadId/actions/stream', async (request, reply) => {
    const words = `You asked: ${request.body?.input?.prompt ?? 'nothing'} The sandbox knows no answer.`.split(' ')
    reply.header('cache-control', 'no-cache').type('text/event-stream')
    return await reply.send(Readable.from(emitWords(words, names.origin)))
  })
}

async function * emitWords (words: string[], origin: string): AsyncGenerator<string> {
  for (const word of words) {
    yield `data: ${JSON.stringify({ output: `${word} ` })}\n\n`
    await wait(pauseMs)
  }
  yield `data: ${JSON.stringify({ output: '', sources: [{ documentId: 'sandbox', source: `${origin}/assets/avatar.svg` }] })}\n\n`
}
