import { readAnswers, type WireAnswer } from '../helpers/answers.js'
import { isLast, mayBeSilent, type Outcome } from './client.js'
import { bodyOf, idsIn } from './messages.js'
import type { Connection, Plan, Request, Script } from './plan.js'

export interface Case {
  plan: Plan
  connection: Connection
  outcome: Outcome
  idOf: (request: number) => string
  /** What the gateway and its tenant are called. */
  origins: { gateway: string, tenant: string }
}

const finals = (answers: WireAnswer[]) => answers.filter(({ status }) => status === 101 || status >= 200)

/** Whether all that can be expected has come: an answer to each request that was sent, and of a socket that must end its end. */
export function isAnswered (
  { received, sent, isWhole }: Pick<Outcome, 'received' | 'sent' | 'isWhole'>, { requests }: Connection, signsOut: boolean
): boolean {
  const read = tryRead(received, requests)
  if (typeof read === 'string') return true
  const answers = finals(read.answers)
  const last = answers.at(-1)
  if (last?.status === 101) return !mustEnd(requests[answers.length - 1], isWhole, signsOut)
  if (read.whole && last?.headers.connection === 'close') return true
  return answers.length - (read.whole ? 0 : 1) >= sent
}

/** Whether one side of a socket ends it, after which the gateway ends the other. */
function mustEnd (request: Request | undefined, isWhole: boolean, signsOut: boolean): boolean {
  return request?.kind === 'socket' &&
    (signsOut || (isWhole && request.closes) || ['closes', 'half', 'reset'].includes(request.engine.then))
}

/**
 * What is wrong with the answers of one connection: each is to be HTTP, in its turn, whole or visibly cut, and to hold
 * nobody else's bytes.
 */
export function judge ({ plan, connection, outcome, idOf, origins }: Case): string[] {
  const { requests } = connection
  const read = tryRead(outcome.received, requests)
  if (typeof read === 'string') return [read]
  const answers = finals(read.answers)
  const faults: string[] = []
  for (const [at, answer] of answers.entries()) {
    const request = requests[at]
    const isWhole = read.whole || at < answers.length - 1
    const where = `answer ${at} (${answer.status})`
    if (request === undefined || (at > 0 && isLast(requests[at - 1] as Request))) {
      faults.push(`${where} answers no request`)
    } else if (at < outcome.sent || answer.headers['x-wire-id'] !== undefined) {
      faults.push(...judgeAnswer(request, answer, isWhole, idOf(at), origins).map(fault => `${where}: ${fault}`))
      const wanted = read.answers[read.answers.indexOf(answer) - 1]?.status === 100
      if (wanted && answer.status === 401 && plan.session === 'none') faults.push(`${where}: the body was asked for before anybody looked`)
    }
  }
  const readsOn = connection.reading === undefined || connection.reading.forMs !== undefined
  const hangs = !outcome.ended && connection.ending === 'waits' && readsOn &&
    !isAnswered(outcome, connection, plan.signsOutAfterMs !== undefined) && !requests.some(mayBeSilent)
  if (hangs) {
    const statuses = answers.map(({ status }) => status).join()
    faults.push(`of ${outcome.sent} requests ${answers.length} were answered (${statuses}), and the connection stayed open`)
  }
  return faults
}

function tryRead (received: Buffer, requests: Request[]): ReturnType<typeof readAnswers> | string {
  try {
    return readAnswers(received, at => isHead(requests[at]))
  } catch (error) {
    return (error as Error).message
  }
}

const isHead = (request: Request | undefined) => request?.kind === 'read' && request.method === 'HEAD'

function judgeAnswer (
  request: Request,
  { status, headers, body }: WireAnswer,
  isWhole: boolean,
  id: string,
  origins: Case['origins']
): string[] {
  const faults: string[] = []
  const from = headers['x-wire-id']
  const others = [...idsIn(body)].filter(other => other !== id)
  if (others.length > 0) faults.push(`it belongs to ${id} and holds bytes of ${others.join()}`)
  if (from !== undefined && from !== id) faults.push(`it belongs to ${id} and came for ${from}`)
  if (status === 500) faults.push(`the gateway failed: ${body.toString().slice(0, 200)}`)
  if (request.kind !== 'bad' && /"GW-BAD-(?:REQUEST|UPGRADE)"/.test(body.toString('latin1'))) {
    faults.push(`${id} was good and is called bad`)
  }
  if (status === 101 && request.kind !== 'socket') faults.push(`${id} asked for no socket`)
  if (status === 101) faults.push(...judgeFrames(body))
  if (from !== undefined && status !== 101) faults.push(...judgeBody(request, body, isWhole, id, origins))
  return faults
}

/** A whole answer is the tenant's whole answer, and a part of one its beginning. One that the tenant cut is cut here too. */
function judgeBody (request: Request, body: Buffer, isWhole: boolean, id: string, origins: Case['origins']): string[] {
  if (request.kind === 'bad' || request.kind === 'probe') return []
  if (isHead(request)) return body.length === 0 ? [] : ['a body answers HEAD']
  const { script } = request
  const rewritten = request.kind !== 'socket' && !(request.kind === 'read' && request.anonymous)
  const expected = bodyOf(id, script, rewritten ? origins.gateway : origins.tenant)
  const wasCut = isCut(script, expected.length)
  const isExpected = expected.subarray(0, body.length).equals(body) || (wasCut && endsInAddress(body, id, script, origins.tenant))
  if (!isExpected) return [`its body is another: ${body.length} bytes for ${expected.length}`]
  if (!isWhole) return []
  if (wasCut) return script.framing === 'close' && script.fault === 'cut' ? [] : ['the tenant cut it, and it looks whole']
  return body.length === expected.length ? [] : [`its body ends after ${body.length} of ${expected.length} bytes`]
}

/** Whether the tenant broke off in the middle of its address: what is no whole address is passed on as it came. */
function endsInAddress (body: Buffer, id: string, script: Script, tenant: string): boolean {
  const own = bodyOf(id, script, tenant)
  return own.subarray(0, body.length).equals(body) && body.length <= own.indexOf(tenant) + tenant.length
}

/** Whether the tenant breaks off before the end of its answer. Of one that ends with its connection nobody can know. */
function isCut ({ fault, framing, status }: Script, length: number): boolean {
  if (status === 304) return false
  if (fault === 'short') return framing !== 'close'
  return (fault === 'cut' || fault === 'reset') && (framing === 'chunked' || length > 0)
}

/** What a server sends behind its 101: frames that are not masked, one after the other, and nothing behind a close frame. */
function judgeFrames (bytes: Buffer): string[] {
  let at = 0
  while (at + 2 <= bytes.length) {
    const [first = 0, second = 0] = bytes.subarray(at)
    const short = second & 0x7f
    const head = short < 126 ? 2 : short === 126 ? 4 : 10
    if ((first & 0xf0) !== 0x80 || (second & 0x80) !== 0 || ![1, 8].includes(first & 15)) {
      return [`there is no frame at byte ${at} behind the 101`]
    }
    if (at + head > bytes.length) return []
    const length = short < 126 ? short : short === 126 ? bytes.readUInt16BE(at + 2) : Number(bytes.readBigUInt64BE(at + 2))
    at += head + length
    if ((first & 15) === 8 && at < bytes.length) return ['something follows a close frame']
  }
  return []
}
