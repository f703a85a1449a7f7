const resumed = new Set([4003, 4004, 4007])

const meanings = new Map([
  [4001, 'The session was idle for too long.'],
  [4002, 'The licence does not allow this session.'],
  [4005, 'There are too many sessions at once.'],
  [4006, 'Your sign-in has ended.']
])

/** Whether Qlik's client reconnects automatically after the engine closed the socket with `code`. */
export function isResumedByClient (code: number): boolean {
  return resumed.has(code)
}

/** Describes a close for users. */
export function describeClose (code: number): string {
  return isResumedByClient(code)
    ? 'The connection was interrupted.'
    : `${meanings.get(code) ?? 'The connection to the app was lost.'} (${code})`
}

/** The text in the reason of a close frame, which Qlik writes as JSON with a code. Undefined if there is none. */
export function readCloseReason (reason: string | undefined): string | undefined {
  if (reason === undefined || reason === '') return undefined
  try {
    const { code, title, detail, message } = JSON.parse(reason) as { code?: string, title?: string, detail?: string, message?: string }
    return [title ?? message, detail, code === undefined ? undefined : `(${code})`].filter(part => part !== undefined).join(' ')
  } catch {
    return reason
  }
}
