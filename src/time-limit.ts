const ticks = 10

/**
 * Calls `late` once this time has passed, unless the returned function is called before.
 *
 * Time in which this process was too busy to send or to read counts as a tenth of the limit at most: however long a
 * turn of the event loop is, an interval fires once in it. A busy gateway, or a container that has used up its share of
 * CPU, is no reason to give up on a healthy tenant or Redis.
 */
export function limitTime (limitMs: number, late: () => void): () => void {
  let left = ticks
  let last: NodeJS.Immediate | undefined
  const timer = setInterval(() => {
    // Timers run before sockets are read: an answer that is there already is read before the immediate runs.
    if (--left === 0) last = setImmediate(late)
  }, limitMs / ticks).unref()
  return () => {
    clearInterval(timer)
    clearImmediate(last)
  }
}

/** A signal that aborts with a TimeoutError when `limitTime` says that this time has passed. It does not keep the process alive. */
export function abortAfter (limitMs: number): AbortSignal {
  const controller = new AbortController()
  const stop = limitTime(limitMs, () => {
    stop()
    controller.abort(new DOMException(`no answer within ${limitMs} ms`, 'TimeoutError'))
  })
  return controller.signal
}

/** Resolves as `value` does; rejects if that takes longer than the limit. */
export async function within<Value> (limitMs: number, value: Promise<Value>): Promise<Value> {
  return await new Promise((resolve, reject) => {
    const stop = limitTime(limitMs, () => { reject(new Error(`no answer within ${limitMs} ms`)) })
    value.finally(stop).then(resolve, reject)
  })
}
