import type { IncomingMessage } from 'node:http'
import { refuseParameters } from './token-errors.js'

/** Parameters of a token or revocation call. */
export type Parameters = Record<string, string>

/** The user whom a client impersonates. */
export interface UserLookup { field: 'subject' | 'userId', value: string }

/** A token or revocation call. */
export interface TokenCall {
  parameters: Parameters
  /** The only parameter that is not a string. Only in JSON bodies. */
  userLookup?: UserLookup
}

const maximalBytes = 64 * 1024

/** Reads a call from a form or from JSON. Refuses other bodies with 400. */
export async function readTokenCall (req: IncomingMessage): Promise<TokenCall> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of req as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > maximalBytes) throw refuseParameters('the body is too large')
    chunks.push(chunk)
  }
  const text = Buffer.concat(chunks).toString()
  const type = (req.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase()
  if (type === 'application/json') return parseJson(text)
  if (type === 'application/x-www-form-urlencoded') return { parameters: parseForm(text) }
  throw refuseParameters('the body must be a form or JSON')
}

function parseForm (text: string): Parameters {
  const form = new URLSearchParams(text)
  const parameters: Parameters = Object.fromEntries(form)
  if (Object.keys(parameters).length !== [...form].length) throw refuseParameters('a parameter is there twice')
  return parameters
}

function parseJson (text: string): TokenCall {
  const { user_lookup: userLookup, ...rest } = parseObject(text)
  const entries = Object.entries(rest)
  const isText = (entry: [string, unknown]): entry is [string, string] => typeof entry[1] === 'string'
  if (!entries.every(isText)) throw refuseParameters('parameters must be strings')
  const parameters: Parameters = Object.fromEntries(entries)
  return userLookup === undefined ? { parameters } : { parameters, userLookup: readUserLookup(userLookup) }
}

function parseObject (text: string): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw refuseParameters('the body is no JSON')
  }
  if (!isObject(value)) throw refuseParameters('the body is no JSON object')
  return value
}

function readUserLookup (value: unknown): UserLookup {
  const { field, value: wanted } = isObject(value) ? value : {}
  if (field !== 'subject' && field !== 'userId') throw refuseParameters('user_lookup.field must be "subject" or "userId"')
  if (typeof wanted !== 'string' || wanted === '') throw refuseParameters('user_lookup.value must be a string that is not empty')
  return { field, value: wanted }
}

function isObject (value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
