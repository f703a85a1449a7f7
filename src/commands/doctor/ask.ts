import { abortAfter } from '../../time-limit.js'
import { describeFailure } from './failure.js'
import { Found } from './finding.js'

/** A complete answer, and when it was requested and received. */
export interface Answer { status: number, headers: Headers, text: string, askedAt: number, answeredAt: number }

/**
 * Sends a request. It verifies certificates as the gateway does, follows no redirect, and has a timeout. Raises Found.
 */
export type Ask = (url: URL, init?: RequestInit) => Promise<Answer>

/** Makes a function that sends requests with the gateway's own fetch. The timeout is ten seconds by default. */
export function createAsk (fetch: typeof globalThis.fetch, { now = Date.now, timeoutMs = 10_000 } = {}): Ask {
  return async (url, init = {}) => {
    const askedAt = now()
    try {
      const response = await fetch(url, { redirect: 'manual', signal: abortAfter(timeoutMs), ...init })
      return { status: response.status, headers: response.headers, askedAt, answeredAt: now(), text: await response.text() }
    } catch (error) {
      throw new Found(describeFailure(url.host, error))
    }
  }
}

/** The fields of a JSON object. Empty if the answer is anything else. */
export function readFields ({ text }: Pick<Answer, 'text'>): Record<string, unknown> {
  try {
    return { ...JSON.parse(text) as object }
  } catch {
    return {}
  }
}

/**
 * The code and the text of an error in the format of Qlik's APIs, of this gateway or of RFC 6749. The text is for
 * decisions and must not appear in the report.
 */
export function readError (answer: Pick<Answer, 'text'>): { code: string, words: string } {
  const { errors, error, error_description: description } = readFields(answer)
  const { code, title, detail } = (Array.isArray(errors) ? errors[0] : { code: error, detail: description }) as Record<string, unknown>
  return {
    code: typeof code === 'string' && /^[\w-]{1,40}$/.test(code) ? code : 'no code',
    words: [title, detail].filter(word => typeof word === 'string').join(' ')
  }
}
