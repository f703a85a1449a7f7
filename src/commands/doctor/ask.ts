import { describeFailure } from './failure.js'
import { Found } from './finding.js'

/** An answer that was read to its end, and when it was asked and answered. */
export interface Answer { status: number, headers: Headers, text: string, askedAt: number, answeredAt: number }

/** Verifies certificates as the gateway does, follows no redirect, and waits for so long only. Raises Found. */
export type Ask = (url: URL, init?: RequestInit) => Promise<Answer>

/** Asks by the gateway's own fetch; waits ten seconds unless told otherwise. */
export function createAsk (fetch: typeof globalThis.fetch, { now = Date.now, timeoutMs = 10_000 } = {}): Ask {
  return async (url, init = {}) => {
    const askedAt = now()
    try {
      const response = await fetch(url, { redirect: 'manual', signal: AbortSignal.timeout(timeoutMs), ...init })
      return { status: response.status, headers: response.headers, askedAt, answeredAt: now(), text: await response.text() }
    } catch (error) {
      throw new Found(describeFailure(url.host, error))
    }
  }
}

/** The fields of a JSON answer; none when it is no JSON object. */
export function readFields ({ text }: Pick<Answer, 'text'>): Record<string, unknown> {
  try {
    return { ...JSON.parse(text) as object }
  } catch {
    return {}
  }
}

/** Code and words of an error as Qlik's APIs, this gateway and RFC 6749 write it. The words are for judging, never for the report. */
export function readError (answer: Pick<Answer, 'text'>): { code: string, words: string } {
  const { errors, error, error_description: description } = readFields(answer)
  const { code, title, detail } = (Array.isArray(errors) ? errors[0] : { code: error, detail: description }) as Record<string, unknown>
  return {
    code: typeof code === 'string' && /^[\w-]{1,40}$/.test(code) ? code : 'no code',
    words: [title, detail].filter(word => typeof word === 'string').join(' ')
  }
}
