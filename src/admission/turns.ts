import fp from 'fastify-plugin'
import { AsyncResource } from 'node:async_hooks'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { Readable } from 'node:stream'
import { forgetContinue } from './continue.js'

// Far more than clients that pipeline requests use. Each one that waits takes memory.
const mostWaiting = 250

const early = new WeakSet<ServerResponse>()

/** Whether a response had its answer before its turn. It must not get another, although it may have sent nothing. */
export function isAnsweredEarly (response: ServerResponse): boolean {
  return early.has(response)
}

/**
 * Holds the answers to pipelined requests (RFC 9112, section 9.3.2) back until it is their turn. Node would store them,
 * and with more than 16 KB of them (64 KB from version 22 on) it reads the connection no more: a client that leaves
 * would not be noticed for as long as the tenant leaves the first request unanswered. An answer that is a stream waits
 * with back-pressure.
 * A connection with more than 250 requests that wait is cut.
 */
export const answersInTurn = fp(async app => {
  app.addHook('onRequest', ({ raw }, reply, done) => {
    if (reply.raw.socket === null) {
      enqueue(raw.socket, reply.raw)
      // Requests that were read together with the one too many are not served either.
      if (raw.socket.destroyed) return
    }
    done()
  })
  app.addHook('onSend', ({ raw }, reply, payload, done) => {
    if (payload instanceof Readable && reply.raw.socket === null) {
      // The stream may break while it waits, and an error without a listener ends the process.
      payload.on('error', () => {})
      reply.raw.once('close', () => { payload.destroy() })
    }
    awaitTurn(raw, reply.raw, () => { done(null, payload) })
  })
}, { name: 'answers-in-turn', fastify: '5.x' })

/** Calls back when it is the turn of an answer, which may be at once. It never calls back if the client leaves before. */
export function awaitTurn (request: IncomingMessage, response: ServerResponse, proceed: () => void): void {
  if (response.socket !== null || response.destroyed) {
    proceed()
    return
  }
  early.add(response)
  enqueue(request.socket, response)
  forgetContinue(request)
  // Node discards an unread body only after the answer. Until then it would stop reading the connection.
  if (!request.complete && request.readableFlowing === null) request.resume()
  // Node emits this in the async context of the request before, and first sends what the response has already.
  response.once('socket', AsyncResource.bind(() => { process.nextTick(proceed) }))
}

/**
 * The answers of each connection that wait for earlier ones. They share one listener, because Node warns of a leak from
 * the eleventh on.
 */
const waiting = new WeakMap<Socket, Set<ServerResponse>>()

/**
 * Closes an answer together with its connection. Node closes only the answer whose turn it is: before version 24 it
 * leaves out those that wait, and in every version one that was cut while it waited.
 */
function enqueue (connection: Socket, answer: ServerResponse): void {
  const answers = waiting.get(connection) ?? listenTo(connection)
  if (answers.has(answer)) return
  answers.add(answer)
  answer.once('close', () => { answers.delete(answer) })
  if (answers.size > mostWaiting) connection.destroy()
}

function listenTo (connection: Socket): Set<ServerResponse> {
  const answers = new Set<ServerResponse>()
  waiting.set(connection, answers)
  connection.once('close', () => {
    for (const answer of answers) {
      if (answer.socket !== null) continue
      answer.destroy()
      answer.emit('close')
    }
  })
  return answers
}
