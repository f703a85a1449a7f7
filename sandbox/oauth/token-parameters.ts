import type { IncomingMessage } from 'node:http'
import { Refusal } from '../front/errors.js'

/** Parameters of a token or revocation call. */
export type Parameters = Record<string, string>

const maximalBytes = 64 * 1024

/** Reads the parameters from a form or from JSON; refuses other bodies with 400. */
export async function readParameters (req: IncomingMessage): Promise<Parameters> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of req as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > maximalBytes) throw refuseBody('the body is too large')
    chunks.push(chunk)
  }
  const text = Buffer.concat(chunks).toString()
  const type = (req.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase()
  if (type === 'application/json') return parseJson(text)
  if (type === 'application/x-www-form-urlencoded') return parseForm(text)
  throw refuseBody('the body must be a form or JSON')
}

function parseForm (text: string): Parameters {
  const form = new URLSearchParams(text)
  const parameters: Parameters = Object.fromEntries(form)
  if (Object.keys(parameters).length !== [...form].length) throw refuseBody('a parameter is there twice')
  return parameters
}

function parseJson (text: string): Parameters {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw refuseBody('the body is no JSON')
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw refuseBody('the body is no JSON object')
  const entries = Object.entries(value)
  if (!entries.every((entry): entry is [string, string] => typeof entry[1] === 'string')) throw refuseBody('parameters must be strings')
  return Object.fromEntries(entries)
}

function refuseBody (detail: string): Refusal {
  return new Refusal(400, 'OAUTH-1', 'Bad request', detail)
}
